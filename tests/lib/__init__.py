"""What the Python tests share. A test program puts tests/ on its path and imports this."""
from .cases import (CASES, CI, DEADLINE, EMULATED, SKIPPED, SLOWDOWN, Disturbed, Skip, cannot_run, case, check, check_equal, one_line,
                    own_directory, run_cases, wait_for)
from .kernel import (ACTIVE, CLOSES_FIRST, CLOSES_SECOND, HOLD, KERNEL_BTF, NOBODY, PASSIVE, PID_NAMESPACE_INIT,
                     kernel_has, main, named_namespace, script, trace_of, unless_withheld)
from .packets import checksum
from .processes import children_of, has_ended, links_of, read_of, stat_of, status_of, tcp_counter
from .programs import ECHO, REPOSITORY, TCPLENS, Done, Running, begin, read, run, tcplens, temporary, write
from .traces import Trace, check_demo_segments, check_undisturbed, flags, parse, read_trace, validate, wait_trace
from .traffic import connections
