# The only build file of the C side; drives web/ through npm. `make help` lists what it does.
# Everything generated lands under $(O), but web/node_modules. A new .c file needs no line here.

VERSION := 0.1.0

O = build
V = 0
# Sanitizers, as -fsanitize= takes them: a second build of all C code, under $(O)/san.
SAN =
# 1: warnings are errors.
WERROR ?= 0
# make demo: where the viewer is served; DEMO=once ends with the demo's last connection and serves nothing.
PORT = 8480
DEMO ?=
# make fuzz: time for each target.
SECONDS = 60
# make deps: any of build, engine, check, kernels, fuzz, lint.
WANT = build$(if $(filter 1,$(ENGINE)), engine)
# 0: the viewer cannot read captures, and neither wasi-libc nor lld is needed.
ENGINE = 1
# Seconds until a test counts as hung.
TEST_TIMEOUT = 300

# These belong to who builds a package; what the project itself needs stands apart from them.
ifeq ($(origin CC),default)
CC = gcc
endif
CLANG ?= clang
CFLAGS ?= -O3 -g
prefix = /usr/local
bindir = $(prefix)/bin
mandir = $(prefix)/share/man
docdir = $(prefix)/share/doc/tcplens
# Where each shell looks for what completes a command line.
bashcompdir = $(prefix)/share/bash-completion/completions
zshcompdir = $(prefix)/share/zsh/site-functions
fishcompdir = $(prefix)/share/fish/vendor_completions.d
INSTALL ?= install

ifneq ($(filter $(patsubst %/,%,$(abspath $(O)))/%,$(CURDIR)/),)
$(error O=$(O) would mix generated files with sources (and `make clean` removes it): name another directory)
endif

comma := ,

# B: objects of this variant. O: what all variants share (BPF object, viewer).
B := $(O)$(if $(SAN),/san)

ifeq ($(V),1)
Q =
say = @:
else
Q = @
say = @printf '  %-8s%s\n'
MAKEFLAGS += --no-print-directory
endif

.DELETE_ON_ERROR:
.SUFFIXES:

## all: the tracer, the reference servers and the viewer (the default)
.PHONY: all
all: $(B)/tcplens $(B)/tcplens-echo

# ---- flags -----------------------------------------------------------------------------------------------------------

PKG_CONFIG ?= pkg-config
PACKAGES := libbpf libpcap libcjson libmicrohttpd libcap libseccomp libnats ncursesw zlib
# Quiet, for targets that need no library: the stamp below tells what is missing.
PACKAGE_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PACKAGE_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(if $(filter 1,$(WERROR)),-Werror)
DEFINES := -D_GNU_SOURCE= -DTCPLENS_VERSION='"$(VERSION)"'
# What compiler and C library have; less than they are asked for, they warn.
FORTIFY_LEVEL := $(shell printf '\043include <features.h>\n' | $(CC) -Werror -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -x c -c -o /dev/null - \
    2>/dev/null && echo 3 || echo 2)
# Fortified functions need an optimiser, and are of no use to sanitizers.
FORTIFY = $(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),$(if $(findstring FORTIFY,$(CFLAGS) $(CPPFLAGS)),,\
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY_LEVEL)))
# Those of OPTIONS that compiler and machine know.
known = $(foreach o,$(1),$(shell $(CC) -Werror $o -x c -c -o /dev/null /dev/null 2>/dev/null && echo $o))
ifdef SAN
HARDENING_CFLAGS = -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDENING_LDFLAGS = -fsanitize=$(SAN)
else
HARDENING_CFLAGS := $(call known,-fstack-clash-protection -fcf-protection=full -mbranch-protection=standard \
    -ftrivial-auto-var-init=zero) -fstack-protector-strong -fPIE $(FORTIFY)
# Objects that hold data alone do not say that they fit, and the linker would believe them.
HARDENING_LDFLAGS := -pie -Wl,-z,relro,-z,now $(if $(filter -fcf%,$(HARDENING_CFLAGS)),-Wl$(comma)-z$(comma)ibt$(comma)-z$(comma)shstk)
endif

# Where it was built is in no file: the same sources and tools give the same bytes anywhere.
# (GCC tells its assembler of -fdebug-prefix-map, but not with -flto.)
PREFIX_MAPS := $(CURDIR)=. $(abspath $(O))=build
PREFIX_MAP := $(PREFIX_MAPS:%=-ffile-prefix-map=%) $(call known,$(PREFIX_MAPS:%=-Wa$(comma)--debug-prefix-map=%))

# A packet goes through a dozen files: the program is optimised as one. Objects hold machine code too, for the tests, which
# are linked without, and for who looks into them; a compiler that cannot do both does neither.
LTO := $(if $(SAN),,$(shell $(CC) -flto=auto -ffat-lto-objects -x c -c -o /dev/null /dev/null 2>/dev/null && \
    echo -flto=auto -ffat-lto-objects))

# Structs of a few hundred bytes are cleared several times a packet. GCC makes `rep stos` of that for x86, which takes longer to
# begin than the stores take altogether. Compilers and machines that know no such option do as they do.
TUNE := $(shell option=-mmemset-strategy=unrolled_loop:512:noalign,libcall:-1:noalign; \
    $(CC) -Werror $$option -x c -c -o /dev/null /dev/null 2>/dev/null && echo $$option)

COMPILE = $(CC) -std=gnu17 -pthread -Iinclude $(PACKAGE_CFLAGS) $(DEFINES) $(WARNINGS) $(HARDENING_CFLAGS) $(PREFIX_MAP) \
    -MMD -MP $(TUNE) $(CPPFLAGS) $(CFLAGS)
# $(call LINK_WITH,OPTIONS). An -flto behind -fno-lto would do nothing for archives.
LINK_WITH = $(CC) -pthread $(HARDENING_LDFLAGS) $(PREFIX_MAP) -Wl,--as-needed $(1) $(TUNE) $(CFLAGS) $(LDFLAGS)
LINK = $(call LINK_WITH,-fno-lto)

# ---- sources ---------------------------------------------------------------------------------------------------------

SOURCES := $(sort $(shell find src -name '*.c' 2>/dev/null))
ECHO_SOURCES := $(filter src/echo/%,$(SOURCES))
# A program of the build: see below.
VOCABULARY_SOURCES := $(filter src/vocabulary/%,$(SOURCES))
# What a browser is given of the program, and what it takes of the rest.
WASM_SOURCES := $(filter src/wasm/%,$(SOURCES))
ENGINE_SOURCES := $(WASM_SOURCES) $(filter src/tcp/% src/conn/%,$(SOURCES)) $(addprefix src/,base/addr.c base/date.c \
    base/filter.c base/json.c base/slab.c trace/words.c trace/encode.c trace/frame.c trace/sentence.c source/capture_feed.c \
    source/capture_block.c sink/sink.c recording.c)
LIB_SOURCES := $(filter-out src/main.c $(ECHO_SOURCES) $(VOCABULARY_SOURCES) $(WASM_SOURCES),$(SOURCES))
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
# Other files there are shared by the tests.
UNIT_SHARED := $(filter-out $(UNIT_SOURCES),$(sort $(wildcard tests/unit/*.c)))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
HEADERS := $(sort $(shell find include src -name '*.h' 2>/dev/null))

LIB_OBJECTS := $(LIB_SOURCES:%.c=$(B)/%.o) $(B)/viewer_html.o $(B)/labs.o
# The echo program stands apart but for how every program begins (its descriptors, its command line), and what can be shown.
ECHO_OBJECTS := $(ECHO_SOURCES:%.c=$(B)/%.o) $(addprefix $(B)/src/base/,standard.o options.o printable.o caller.o)
UNITS := $(UNIT_SOURCES:%.c=$(B)/%)
REPLAYS := $(FUZZ_SOURCES:tests/fuzz/fuzz_%.c=$(B)/tests/fuzz/replay_%)

# $(call stamp,TEXT) writes TEXT into the target only where it differs: what depends on it is then made anew.
define stamp
@mkdir -p $(@D)
@printf '%s\n' '$(subst ','\'',$(1))' >$@.new; \
if cmp -s $@.new $@; then rm $@.new; else $(2) mv $@.new $@; fi
endef

# Objects made with other flags are stale. A first build begins by telling all that is missing, at once.
$(B)/flags: FORCE
	$(call stamp,$(COMPILE) $(LTO) $(LINK) $(PACKAGE_LIBS),sh tests/deps.sh -n build &&)

# A source file that goes away must leave the archive too.
$(B)/objects: FORCE
	$(call stamp,$(LIB_OBJECTS))

.PHONY: FORCE
FORCE:

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(COMPILE) $(if $(filter src/%,$<),$(LTO)) $(EXTRA) -c -o $@ $<

# q appends: two objects of one name (source/trace.o, command/trace.o) would replace each other with r.
$(B)/libtcplens.a: $(LIB_OBJECTS) $(B)/objects
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) qcs $@ $(LIB_OBJECTS)

$(B)/tcplens: $(B)/src/main.o $(B)/libtcplens.a
	$(say) LINK $@
	$(Q)$(call LINK_WITH,$(LTO)) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

$(B)/tcplens-echo: $(ECHO_OBJECTS) $(B)/flags
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $(ECHO_OBJECTS) -lm $(LDLIBS)

-include $(patsubst %.c,$(B)/%.d,$(SOURCES) $(UNIT_SOURCES) $(UNIT_SHARED) $(FUZZ_SOURCES) tests/fuzz/replay.c tests/trace/roundtrip.c)

# ---- the kernel side -------------------------------------------------------------------------------------------------

MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
# libbpf's name of the architecture.
BPF_ARCH := $(shell echo $(MACHINE) | sed -E 's/-.*//; s/x86_64|i.86/x86/; s/aarch64/arm64/; s/armv.*/arm/; \
    s/(ppc|powerpc)64.*/powerpc/; s/riscv.*/riscv/; s/s390x/s390/; s/mips.*/mips/; s/loongarch64/loongarch/')
# Debian keeps <asm/types.h> in a directory that clang does not search for this target.
BPF_COMPILE = $(CLANG) -std=gnu17 -O2 -g -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Wno-unused-parameter \
    $(if $(filter 1,$(WERROR)),-Werror) -MMD -MP $(PREFIX_MAPS:%=-ffile-prefix-map=%) -Ibpf -idirafter /usr/include/$(subst -pc-,-,$(MACHINE))
# Ubuntu's bpftool in $PATH is a script that wants the tools of the running kernel.
BPFTOOL ?= $(firstword $(lastword $(wildcard /usr/lib/linux-tools/*/bpftool)) \
    $(shell command -v bpftool 2>/dev/null) /usr/sbin/bpftool)

$(O)/bpf/flags: FORCE
	$(call stamp,$(BPF_COMPILE),sh tests/deps.sh -n build &&)

$(O)/bpf/tcplens.tmp.o: bpf/tcplens.bpf.c $(O)/bpf/flags
	$(say) BPF $<
	$(Q)$(BPF_COMPILE) -c -o $@ $<

# bpftool's linker drops the DWARF sections and keeps BTF.
$(O)/bpf/tcplens.bpf.o: $(O)/bpf/tcplens.tmp.o
	$(Q)$(BPFTOOL) gen object $@ $<

$(O)/include/tcplens.skel.h: $(O)/bpf/tcplens.bpf.o
	@mkdir -p $(@D)
	$(say) SKEL $@
	$(Q){ echo '/* NOLINTBEGIN */' && $(BPFTOOL) gen skeleton $< name tcplens && echo '/* NOLINTEND */'; } >$@

-include $(O)/bpf/tcplens.tmp.d

$(B)/src/source/bpf.o $(B)/tests/bench/hook.o: $(O)/include/tcplens.skel.h
# -I.: for bpf/wire.h. -isystem: the generated header is not ours to warn about.
$(patsubst %.c,$(B)/%.o,$(wildcard src/source/bpf*.c tests/unit/test_bpf_*.c) tests/bench/hook.c): private EXTRA = \
    -I. -isystem $(O)/include

# ---- the vocabulary of the trace -------------------------------------------------------------------------------------

$(B)/vocabulary: $(VOCABULARY_SOURCES:%.c=$(B)/%.o) $(B)/src/trace/words.o $(B)/src/tcp/fsm.o $(B)/flags
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $(filter %.o,$^)

# By the build that is being made, whichever: all say the same.
$(O)/vocabulary.json: $(B)/vocabulary
	$(Q)$< >$@

GENERATE := src/vocabulary/generate.mjs

## vocabulary: the schema, the tables of docs/trace-format.md and docs/limits.md, and the viewer's words, made from C headers
.PHONY: vocabulary
vocabulary: $(O)/vocabulary.made

# What it makes is committed, and written only where it differs.
$(O)/vocabulary.made: $(O)/vocabulary.json $(GENERATE)
	@sh tests/deps.sh -n build
	$(say) MAKE 'words, schema, tables'
	$(Q)node $(GENERATE) . <$<
	@touch $@

# ---- the engine for a browser ----------------------------------------------------------------------------------------

# The same files, unchanged, for another machine. A stack below the data: what outgrows it ends the module, and changes nothing.
WASM_COMPILE = $(CLANG) --target=wasm32-wasi -std=gnu17 -O2 -flto -Iinclude $(DEFINES) -include src/wasm/libc.h -Wall -Wextra \
    -Wno-unneeded-internal-declaration $(if $(filter 1,$(WERROR)),-Werror) -ffunction-sections -fdata-sections -MMD -MP
WASM_LINK = $(CLANG) --target=wasm32-wasi -O2 -flto -nostartfiles -Wl,--no-entry -Wl,--gc-sections -Wl,--strip-all \
    -Wl,--stack-first -Wl,-z,stack-size=262144 -Wl,--wrap=json_put_u64 -Wl,--wrap=json_put_i64
ENGINE_OBJECTS := $(ENGINE_SOURCES:%.c=$(O)/wasm/%.o)

$(O)/wasm/flags: FORCE
	$(call stamp,$(WASM_COMPILE) $(WASM_LINK) $(ENGINE_OBJECTS),sh tests/deps.sh -n build engine &&)

$(O)/wasm/%.o: %.c $(O)/wasm/flags
	@mkdir -p $(@D)
	$(say) WASM $<
	$(Q)$(WASM_COMPILE) -c -o $@ $<

$(O)/engine.wasm: $(ENGINE_OBJECTS)
	$(say) LINK $@
	$(Q)$(WASM_LINK) -o $@ $(ENGINE_OBJECTS)

-include $(ENGINE_OBJECTS:.o=.d)

# ---- the viewer ------------------------------------------------------------------------------------------------------

WEB_SOURCES := $(sort $(shell find web \( -name node_modules -o -name test -o -name bench -o -name dist -o -name build \) -prune \
    -o -type f ! -name '.*' -print 2>/dev/null))

# npm writes this file when it is done; package.json alone changes nothing that is installed.
NODE_MODULES := web/node_modules/.package-lock.json

$(NODE_MODULES): web/package-lock.json
	@sh tests/deps.sh -n build
	$(say) NPM web/node_modules
	$(Q)cd web && npm ci --include=dev --no-audit --no-fund --loglevel=error || { \
	    echo 'npm could not install what web/package-lock.json names: is its registry within reach?' >&2; exit 1; }
	@touch $@

# Made with viewer.html.
$(O)/viewer-small.html: $(O)/viewer.html ;

$(O)/viewer.html: $(NODE_MODULES) $(WEB_SOURCES) $(O)/vocabulary.made $(if $(filter 1,$(ENGINE)),$(O)/engine.wasm)
	@mkdir -p $(@D)
	$(say) WEB $@
	$(Q)cd web && OUT=$(abspath $@) $(if $(filter 1,$(ENGINE)),ENGINE_WASM=$(abspath $(O))/engine.wasm) npm run --silent build

$(B)/viewer_html.S: $(B)/flags Makefile
	$(Q)printf '%s\n' '/* The viewer as bytes of the program. */' \
	    '    .section .rodata' \
	    '    .global viewer_html_start, viewer_html_end, viewer_small_html_start, viewer_small_html_end' \
	    'viewer_html_start:' \
	    '    .incbin "$(O)/viewer.html"' \
	    'viewer_html_end:' \
	    '    .byte 0' \
	    'viewer_small_html_start:' \
	    '    .incbin "$(O)/viewer-small.html"' \
	    'viewer_small_html_end:' \
	    '    .byte 0' \
	    '    .section .note.GNU-stack, "", %progbits' >$@

$(B)/viewer_html.o: $(B)/viewer_html.S $(O)/viewer.html $(O)/viewer-small.html
	$(say) AS $<
	$(Q)$(CC) $(CFLAGS) $(PREFIX_MAP) -c -o $@ $<

# What the viewer draws by, for the program's own pictures.
$(O)/include/drawing.h: web/drawing.mjs $(NODE_MODULES) $(WEB_SOURCES) $(O)/vocabulary.made
	@mkdir -p $(@D)
	$(say) MAKE $@
	$(Q)node $< >$@

$(B)/src/convert/svg.o: $(O)/include/drawing.h
$(B)/src/convert/svg.o: private EXTRA = -isystem $(O)/include

# ---- what it is made of ----------------------------------------------------------------------------------------------

# Of the newest change, where this is a clone, so that the same sources have the same time.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

## sbom: what tcplens is made of and runs with, as SPDX: $(O)/tcplens.spdx.json
.PHONY: sbom
sbom: $(O)/tcplens.spdx.json

$(O)/tcplens.spdx.json: src/sbom/spdx.mjs web/package-lock.json $(O)/viewer.html
	$(say) MAKE $@
	$(Q)SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) node $< $(VERSION) $(ENGINE) $(PACKAGES) >$@

# ---- labs ------------------------------------------------------------------------------------------------------------

LABS := $(sort $(patsubst docs/labs/%/lab.json,%,$(wildcard docs/labs/*/lab.json)))
LAB_FILES := $(foreach l,$(LABS),$(patsubst %,docs/labs/$l/%,lab.json guide.en.md guide.zh.md))

# include/tcplens/lab/library.h: a table of pointers, and the texts.
$(B)/labs.S: $(B)/flags $(LAB_FILES) Makefile $(B)/lab_names
	$(Q){ printf '%s\n' '/* The labs as bytes of the program. */' '    .section .data.rel.ro,"aw"' '    .balign 16' \
	    '    .global library_labs' 'library_labs:'; \
	for l in $(LABS); do \
	    for f in name lab.json guide.en.md guide.zh.md; do printf '    .dc.a .L%s.%s\n' $$(echo $$l | tr - _) $$f; done; \
	done; \
	printf '%s\n' '    .dc.a 0, 0, 0, 0' '    .section .rodata'; \
	for l in $(LABS); do \
	    n=$$(echo $$l | tr - _); printf '.L%s.name: .asciz "%s"\n' $$n $$l; \
	    for f in lab.json guide.en.md guide.zh.md; do \
	        printf '.L%s.%s:\n    .incbin "docs/labs/%s/%s"\n    .byte 0\n' $$n $$f $$l $$f; done; \
	done; \
	printf '%s\n' '    .section .note.GNU-stack, "", %progbits'; } >$@

# One that goes away must leave the program too.
$(B)/lab_names: FORCE
	$(call stamp,$(LABS))

$(B)/labs.o: $(B)/labs.S
	$(say) AS $<
	$(Q)$(CC) $(CFLAGS) $(PREFIX_MAP) -c -o $@ $<

# ---- tools and the demo ----------------------------------------------------------------------------------------------

## deps: what the build needs, installed where this is Debian or Ubuntu and you are root; else told (WANT="build check")
.PHONY: deps
deps:
	@sh tests/deps.sh $(WANT)

# What root made in the directory of an ordinary user (sudo make demo) is given back.
GIVE_BACK = if [ -n "$$SUDO_UID" ] && [ "$$(stat -c %u .)" = "$$SUDO_UID" ]; then \
    for path in $(O) web/node_modules demo.ndjson; do \
        [ ! -e $$path ] || chown -hR "$$SUDO_UID:$$SUDO_GID" $$path; done; fi

## demo: build, trace the reference servers in a network namespace of their own, show the trace in a browser (PORT=)
.PHONY: demo
demo: deps
	@$(MAKE) all
	@trap : INT; \
	$(B)/tcplens trace --netns new --calls $(if $(filter once,$(DEMO)),,--serve 127.0.0.1:$(PORT)) --output demo.ndjson \
	    -- $(B)/tcplens-echo demo; \
	status=$$?; $(GIVE_BACK); \
	[ $$status != 0 ] || echo "make: to keep, or for a web space: $(O)/viewer.html opens demo.ndjson, docs/sample.pcap and" \
	    "captures of yours, without a server"; \
	[ $$status != 1 ] || echo "make: another port: make demo PORT=8481; none: make demo DEMO=once" >&2; exit $$status

# ---- tests -----------------------------------------------------------------------------------------------------------

CHECKS := check-headers check-layers check-schema check-adding check-supply check-unit check-san check-fuzz \
    $(if $(wildcard tests/golden/*_test.py),check-golden) check-command check-kernel check-faults check-export check-labs check-echo-san check-kernels \
    check-web $(if $(filter 1,$(ENGINE)),check-engine) check-browser

# Series of Debian's kernels that check-kernels boots.
KERNELS = 6.1 6.12

RUN = TEST_TIMEOUT=$(TEST_TIMEOUT) TEST_RESULTS=$(O)/test-results sh tests/run.sh
# Of tests that wait more than they work so many run at once.
TEST_JOBS = 3
RUN_WAITING = TEST_JOBS=$(TEST_JOBS) $(RUN)
ROUNDTRIP := $(B)/tests/trace/roundtrip
$(ROUNDTRIP): $(ROUNDTRIP).o $(B)/libtcplens.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# Preloaded: what tries to get out of the program's confinement, what the kernel's ring can do to who reads it.
PROBE := $(O)/tests/confine/probe.so
RING := $(O)/tests/faults/ring.so
$(PROBE) $(RING): $(O)/%.so: %.c tests/lib/keep_open.h $(B)/flags
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) -std=gnu17 -shared -fPIC $(DEFINES) $(WARNINGS) -o $@ $< -lcap

# Where the tests find what they test.
TEST_ENV = O=$(abspath $(O)) PROBE=$(abspath $(PROBE)) RING=$(abspath $(RING)) ROUNDTRIP=$(abspath $(ROUNDTRIP)) \
    TCPLENS=$(abspath $(B))/tcplens ECHO=$(abspath $(B))/tcplens-echo \
    VIEWER=$(abspath $(O))/viewer.html $(if $(filter 1,$(ENGINE)),ENGINE_WASM=$(abspath $(O))/engine.wasm)

## check: install what the tests need (as deps does), build, run all tests
.PHONY: check
check:
	@$(MAKE) deps WANT="build engine check kernels"
	@$(MAKE) test

## test: check, and install nothing. Each part runs alone too: check-headers check-layers check-schema check-unit
##   check-adding check-supply check-san check-fuzz check-golden check-command check-kernel check-faults check-export check-labs
##   check-echo-san check-kernels check-web check-engine check-browser
.PHONY: test $(CHECKS)
test: all
	@rm -f $(O)/test-results
	@failed=; for check in $(CHECKS); do $(MAKE) $$check || failed="$$failed $$check"; done; \
	printf '\n---- summary\n'; cat $(O)/test-results || failed="$$failed nothing was tested"; \
	if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi; echo 'all passed'

## check-headers: every header compiles alone
check-headers:
	@$(RUN) headers $(foreach h,$(HEADERS),'$(CC) -fsyntax-only -x c $h -std=gnu17 -Iinclude -I. -D_GNU_SOURCE= \
	    $(WARNINGS) -Werror') \
	    $(foreach h,$(wildcard bpf/*.h),'$(filter-out -MMD -MP,$(BPF_COMPILE)) -Werror -Wno-unused -fsyntax-only -x c $h')

## check-layers: no file includes or calls what stands above it, and none form a circle
check-layers: all $(O)/vocabulary $(WASM_SOURCES:%.c=$(B)/%.o)
	@CC='$(CC)' $(RUN) layers 'python3 tests/check_layers.py --self-test' 'python3 tests/check_layers.py $(B)'

# The schema takes every example of the document, and none of the broken ones; it and its like are what is made.
check-schema: $(O)/vocabulary.json
	@$(RUN) schema 'node $(GENERATE) . --check <$(O)/vocabulary.json' \
	    'python3 tests/validate_trace.py --self-test docs/trace.schema.json'

# What docs/adding.md says can be done, and is as little as it says.
check-adding: private TEST_TIMEOUT := 900
check-adding: $(O)/viewer.html
	@MAKE='$(MAKE)' CC='$(CC)' $(RUN) adding 'python3 tests/build/adding_test.py'

# Built once more, elsewhere: the same bytes.
check-supply: all sbom
	@MAKE='$(MAKE)' CC='$(CC)' CFLAGS='$(CFLAGS)' SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) O=$(abspath $(O)) \
	    $(RUN) supply 'python3 tests/build/supply_test.py'

# Benches are built, though no test runs them.
check-unit: $(UNITS) $(patsubst %,$(B)/tests/bench/%.o,churn hook echo_load)
	@$(TEST_ENV) $(RUN) unit$(if $(SAN),-$(SAN)) $(UNITS)

check-san:
	@$(MAKE) SAN=address,undefined check-unit

# Every input that a fuzzer ever found worth keeping, with sanitizers and without a fuzzer.
check-fuzz:
	@$(MAKE) SAN=address,undefined check-replay

.PHONY: check-replay
check-replay: $(REPLAYS) $(B)/tcplens
	@TCPLENS=$(abspath $(B))/tcplens $(RUN) fuzz \
	    $(foreach r,$(REPLAYS),'$r tests/fuzz/corpus/$(r:$(B)/tests/fuzz/replay_%=%)$(if \
	        $(filter %/replay_lab,$r), $(wildcard docs/labs/*/lab.json))') \
	    'python3 tests/fuzz/damage.py --variants 200 tests/corpora'

check-golden: all $(ROUNDTRIP) $(B)/tests/unit/test_scenarios
	@$(TEST_ENV) $(RUN) golden $(foreach t,$(sort $(wildcard tests/golden/*_test.py)),'python3 $t')

check-command: all $(ROUNDTRIP)
	@$(TEST_ENV) $(RUN_WAITING) command $(foreach t,$(sort $(wildcard tests/command/*_test.py)),'python3 $t')

check-kernel: all $(ROUNDTRIP) $(PROBE)
	@$(TEST_ENV) $(RUN_WAITING) kernel $(foreach t,$(sort $(wildcard tests/kernel/*_test.py)),'python3 $t')

# What other programs take of it: Prometheus, NATS. Both wait more than they work, so they wait together.
check-export: all
	@$(TEST_ENV) $(RUN) export 'python3 tests/export/metrics_test.py & first=$$!; python3 tests/export/publish_test.py; \
	    second=$$?; wait $$first; first=$$?; exit $$((first ? first : second))'

# What goes wrong around it: signals, readers, disks, interfaces, clocks.
check-faults: all $(ROUNDTRIP) $(RING)
	@$(TEST_ENV) $(RUN_WAITING) faults $(foreach t,$(sort $(wildcard tests/faults/*_test.py)),'python3 $t')

## load: what takes minutes: SOCKETS (20000) at once under samples, CONNECTIONS (1000000) beside browsers
.PHONY: load
load: all $(B)/tests/bench/churn
	@$(TEST_ENV) $(if $(SOCKETS),SOCKETS=$(SOCKETS)) $(if $(CONNECTIONS),CONNECTIONS=$(CONNECTIONS)) TCPLENS_SECCOMP=kill \
	    python3 tests/faults/load.py

## claims: what docs/claims.md shows wrong, as root; with CASE=NAME one of it
.PHONY: claims
claims: all $(ROUNDTRIP) $(PROBE)
	@sh tests/deps.sh check
	@$(TEST_ENV) python3 tests/kernel/claims_test.py $(CASE)

## stress: the kernel tests ROUNDS times (5), TEST_JOBS at once (3), beside a load on every processor; with KERNEL=6.1 on that of
##   Debian; with QUOTA=40 they get 40 % of a processor, in half seconds
ROUNDS = 5
.PHONY: stress
stress: all $(ROUNDTRIP) $(PROBE)
	@$(TEST_ENV) TEST_TIMEOUT=$(if $(KERNEL),3600,1200) TEST_JOBS=$(TEST_JOBS) QUOTA=$(QUOTA) \
	    sh tests/stress.sh $(ROUNDS) $(if $(KERNEL),\
	    'sh tests/kernels/boot.sh $(KERNEL)',\
	    $(foreach t,$(sort $(wildcard tests/kernel/*_test.py)),'python3 $t'))

## check-labs: every lab and its mutations; with KERNEL=6.1 on that of Debian, in a virtual machine
check-labs: private TEST_TIMEOUT := $(if $(KERNEL),7200,$(TEST_TIMEOUT))
check-labs: all $(ROUNDTRIP) $(if $(KERNEL),$(PROBE))
	@$(TEST_ENV) $(if $(KERNEL),$(RUN),$(RUN_WAITING)) labs$(KERNEL:%=-%) $(if $(KERNEL),\
	    'sh tests/kernels/boot.sh $(KERNEL) "python3 tests/labs/labs_test.py"',\
	    'python3 tests/labs/engine_test.py' $(foreach l,$(LABS),'python3 tests/labs/labs_test.py $l'))

## lab-schema: docs/lab.schema.json, made of what the program takes
.PHONY: lab-schema
lab-schema: all
	$(Q)$(B)/tcplens lab --export schema > docs/lab.schema.json

# The echo servers once more, with sanitizers: what check-kernel tests without.
check-echo-san:
	@$(MAKE) SAN=address,undefined check-echo

.PHONY: check-echo
check-echo: $(B)/tcplens-echo
	@$(TEST_ENV) $(RUN_WAITING) echo$(if $(SAN),-$(SAN)) 'python3 tests/kernel/echo_test.py' 'python3 tests/kernel/echo_commands_test.py'

## check-kernels: the kernel tests on other kernels, in virtual machines; check-kernels-6.1 is one of them
check-kernels: all
	@$(MAKE) --jobs=$(words $(KERNELS)) $(KERNELS:%=check-kernels-%)

# Emulated, everything takes ten times as long.
.PHONY: $(KERNELS:%=check-kernels-%)
$(KERNELS:%=check-kernels-%): private TEST_TIMEOUT = 3600
$(KERNELS:%=check-kernels-%): check-kernels-%: all $(ROUNDTRIP) $(PROBE)
	@$(TEST_ENV) $(RUN) kernels-$* 'sh tests/kernels/boot.sh $*'

check-web: $(NODE_MODULES) $(O)/vocabulary.made
	@$(TEST_ENV) $(RUN) web 'cd web && npm run --silent check' 'cd web && npm run --silent test'

# What the page's engine makes of captures, beside what the program does.
SCENARIO_CAPTURES := $(O)/tests/scenarios
empty :=
TEST_CAPTURES := $(subst $(empty) $(empty),:,$(addprefix $(CURDIR)/tests/,corpora captures fuzz/corpus/capture) \
    $(abspath $(SCENARIO_CAPTURES)))

check-engine: private TEST_TIMEOUT := 900
check-engine: all $(SCENARIO_CAPTURES)
	@$(TEST_ENV) CAPTURES=$(TEST_CAPTURES) $(RUN) engine 'cd web && npm run --silent test:engine'

$(SCENARIO_CAPTURES): $(wildcard tests/scenarios/*.txt) tests/engine/scenarios.py $(wildcard tests/lib/*.py)
	$(Q)python3 tests/engine/scenarios.py $@ && touch $@

check-browser: all $(SCENARIO_CAPTURES)
	@$(TEST_ENV) CAPTURES=$(TEST_CAPTURES) $(RUN) browser 'cd web && npm run --silent build' \
	    $(foreach t,$(sort $(wildcard web/test/browser*.test.ts)),'cd web && node test/run.mjs $(notdir $t)')

UNIT_SHARED_OBJECTS := $(UNIT_SHARED:%.c=$(B)/%.o)
$(UNITS): $(B)/%: $(B)/%.o $(UNIT_SHARED_OBJECTS) $(B)/libtcplens.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ -lcmocka $(PACKAGE_LIBS) $(LDLIBS)

$(REPLAYS): $(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/libtcplens.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# Else make would remove them as intermediate files, and build them again the next time.
.SECONDARY: $(ROUNDTRIP).o $(UNIT_SOURCES:%.c=$(B)/%.o) $(FUZZ_SOURCES:%.c=$(B)/%.o)

# ---- fuzzing, lint, benchmarks ---------------------------------------------------------------------------------------

FUZZERS := $(FUZZ_SOURCES:tests/fuzz/fuzz_%.c=$(B)/tests/fuzz/fuzz_%)
$(FUZZERS): %: %.o $(B)/libtcplens.a
	$(say) LINK $@
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

.PHONY: fuzzers
fuzzers: $(FUZZERS)

## fuzz-page: what reads a trace in the page, LINES of it damaged (100000)
LINES = 100000
.PHONY: fuzz-page
fuzz-page: $(NODE_MODULES) $(O)/vocabulary.made
	@cd web && MUTATED=$(LINES) node test/run.mjs mutated.test.ts

## fuzz: each fuzz target for SECONDS; new inputs go to $(O)/fuzz/corpus, an input that fails to $(O)/fuzz/crash-*
.PHONY: fuzz
fuzz:
	@sh tests/deps.sh -n build fuzz
	@$(MAKE) CC=$(CLANG) SAN=fuzzer-no-link,address,undefined B=$(O)/fuzz fuzzers
	@set -e; for source in $(FUZZ_SOURCES); do \
	    name=$${source#tests/fuzz/fuzz_}; name=$${name%.c}; \
	    mkdir -p $(O)/fuzz/corpus/$$name tests/fuzz/corpus/$$name; \
	    [ $$name != lab ] || for l in $(LABS); do cp docs/labs/$$l/lab.json $(O)/fuzz/corpus/lab/$$l; done; echo "---- fuzz $$name, $(SECONDS) s"; \
	    $(O)/fuzz/tests/fuzz/fuzz_$$name -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
	        -artifact_prefix=$(O)/fuzz/crash-$$name- $(O)/fuzz/corpus/$$name tests/fuzz/corpus/$$name; \
	done

C_FILES = $(SOURCES) $(HEADERS) $(wildcard bpf/*.c bpf/*.h tests/unit/*.[ch] tests/trace/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch])
MAN_PAGES := $(sort $(wildcard docs/man/*.1))
# A page for each command, made of its section.
COMMANDS := $(shell sed -n 's/^COMMAND(\(.*\))/\1/p' include/tcplens/command/commands.def)
COMMAND_PAGES := $(COMMANDS:%=$(B)/man/tcplens-%.1)

## format: the layout of .clang-format, written into the C files
.PHONY: format
format:
	@clang-format -i $(C_FILES)

## lint: clang-format, clang-tidy, cppcheck (where it is installed), tsc, man pages
.PHONY: lint
lint: $(O)/include/tcplens.skel.h $(O)/include/drawing.h $(NODE_MODULES)
	@sh tests/deps.sh -n build lint
	@$(RUN) lint 'clang-format --dry-run -Werror $(C_FILES)' \
	    $(foreach s,$(SOURCES),'clang-tidy --quiet $s -- -std=gnu17 -Iinclude -I. -isystem $(O)/include \
	        $(PACKAGE_CFLAGS) -D_GNU_SOURCE= -DTCPLENS_VERSION=\"$(VERSION)\"') \
	    $(if $(shell command -v cppcheck),'cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
	        --enable=warning$(comma)performance$(comma)portability --suppress=missingInclude -Iinclude \
	        -D_GNU_SOURCE src') \
	    'cd web && npm run --silent check' \
	    $(foreach m,$(MAN_PAGES),'! groff -man -Tutf8 -ww -z $m 2>&1 | grep .')

# The load of tests/bench/trace.py, and what attaches single hooks for it.
TRACE_BENCH := $(B)/tests/bench/churn $(B)/tests/bench/hook
$(TRACE_BENCH): %: %.o
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

-include $(TRACE_BENCH:%=%.d)

## bench-trace: what tracing costs who is traced, next to other tracers (BENCH="--rounds 9 --variants kernel,both";
##   BENCH=--hooks: what each hook costs)
.PHONY: bench-trace
bench-trace: all $(TRACE_BENCH)
	@sh tests/deps.sh -n bench || echo 'Going on without.' >&2
	@$(TEST_ENV) python3 tests/bench/trace.py $(BENCH)

# What tests/bench/echo.py loads servers with, and servers on other libraries; who lacks one goes without.
has_package = $(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && echo yes)
ECHO_BENCH := $(B)/tests/bench/echo_load $(if $(call has_package,libevent),$(B)/tests/bench/echo_libevent) \
    $(if $(call has_package,libuv),$(B)/tests/bench/echo_libuv)
$(B)/tests/bench/echo_libevent: private LDLIBS += $(shell $(PKG_CONFIG) --libs libevent 2>/dev/null)
$(B)/tests/bench/echo_libuv: private LDLIBS += $(shell $(PKG_CONFIG) --libs libuv 2>/dev/null)
$(ECHO_BENCH): %: %.o
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(LDLIBS)

-include $(ECHO_BENCH:%=%.d)

## bench-echo: how fast the echo servers are, next to others on libevent, libuv, asyncio and redis (BENCH="--rounds 9
##   --servers epoll,libuv --loads stream")
.PHONY: bench-echo
bench-echo: $(B)/tcplens-echo
	@sh tests/deps.sh -n bench-echo || echo 'Going on without.' >&2
	@$(MAKE) $(ECHO_BENCH)
	@$(TEST_ENV) python3 tests/bench/echo.py $(BENCH)

## bench: what tests/bench measures
.PHONY: bench
bench: all $(TRACE_BENCH) $(ECHO_BENCH)
	@$(TEST_ENV) TEST_TIMEOUT=3600 sh tests/run.sh bench \
	    $(foreach s,$(sort $(wildcard tests/bench/*.sh)),'sh $s') \
	    $(foreach s,$(sort $(filter-out tests/bench/echo_asyncio.py,$(wildcard tests/bench/*.py))),'python3 $s')

## bench-read: `tcplens read` beside tcpdump, tcptrace, tshark and bare loops (SIZES="100000 1000000" ROUNDS=5)
.PHONY: bench-read
bench-read: all
	@$(TEST_ENV) python3 tests/bench/read.py

## bench-top: the processor time of `tcplens top` over many connections (BENCH="--connections 5000 --rates 0,1000")
.PHONY: bench-top
bench-top: all
	@$(TEST_ENV) python3 tests/bench/top.py $(BENCH)

## bench-merge: `tcplens merge` beside reading both files (SIZES="100000 1000000" ROUNDS=3)
.PHONY: bench-merge
bench-merge: all $(ROUNDTRIP)
	@$(TEST_ENV) python3 tests/bench/merge.py

## bench-web: the viewer's budgets in Chromium, on traces that it makes (SIZES="100000 1000000 5000000")
.PHONY: bench-web
bench-web: all
	@$(TEST_ENV) node web/bench/bench.mjs $(SIZES)

## bench-engine: a capture in the page beside the program, in Chromium (SIZES="100000 1000000"; PEER=FOLDER: beside wiregasm,
##   which `npm install @goodtools/wiregasm` put there)
.PHONY: bench-engine
bench-engine: all
	@mkdir -p $(O)/bench && $(CC) -O2 -o $(O)/bench/read_capture tests/bench/read_capture.c
	@for n in $(or $(SIZES),100000 1000000); do $(O)/bench/read_capture $$n $(O)/bench/$$n.pcap || exit 1; done
	@$(TEST_ENV) PEER='$(PEER)' node web/bench/captures.mjs $(foreach n,$(or $(SIZES),100000 1000000),$(O)/bench/$n.pcap)

## check-truth: `tcplens read` beside tshark and other judges, on captures of your own (CAPTURES=FOLDER, or several;
##   TRUTH="--strict 99 --differences 50"); docs/judged.md
.PHONY: check-truth
check-truth: all
	@sh tests/deps.sh -n truth
	@[ -n '$(strip $(CAPTURES))' ] || { echo 'Which captures? make check-truth CAPTURES=FOLDER' >&2; exit 2; }
	@failed=; for judge in tshark acked_unseen kernel_paths; do printf '\n---- %s\n' $$judge; \
	    $(TEST_ENV) python3 tests/truth/$$judge.py $(TRUTH) $(CAPTURES) || failed="$$failed $$judge"; done; \
	[ -z "$$failed" ] || { echo "FAILED:$$failed"; exit 1; }

## golden: what `tcplens read` says of each of tests/scenarios and tests/captures becomes what is expected; read the difference
.PHONY: golden
golden: all $(ROUNDTRIP) $(B)/tests/unit/test_scenarios
	@$(TEST_ENV) python3 tests/golden/golden_test.py --refresh
	@$(TEST_ENV) python3 tests/golden/captures_test.py --refresh

# ---- install ---------------------------------------------------------------------------------------------------------

PROGRAMS = $(B)/tcplens $(B)/tcplens-echo
DOCUMENTS := $(wildcard *.md LICENSE) $(shell find docs \( -path docs/man -o -path docs/debian \) -prune -o -type f -print 2>/dev/null)

COMPLETIONS := $(B)/completion/tcplens $(B)/completion/_tcplens $(B)/completion/tcplens.fish
$(B)/completion/tcplens: private SHELL_NAME = bash
$(B)/completion/_tcplens: private SHELL_NAME = zsh
$(B)/completion/tcplens.fish: private SHELL_NAME = fish
$(COMPLETIONS): $(B)/tcplens
	@mkdir -p $(@D)
	$(say) MAKE $@
	$(Q)$< completion $(SHELL_NAME) >$@

$(B)/man/tcplens-%.1: docs/man/tcplens.1 docs/man/command.awk $(B)/tcplens
	$(say) MAN $@
	@mkdir -p $(@D)
	$(Q)awk -v name=$* -v summary="$$($(B)/tcplens --help | sed -n 's/^  $* *//p')" -f docs/man/command.awk $< >$@

## man: the manual's pages of each command
.PHONY: man
man: $(COMMAND_PAGES)

## install: programs, man pages, documents and completion for shells under $(DESTDIR)$(prefix)
.PHONY: install
install: all man $(COMPLETIONS) $(O)/tcplens.spdx.json
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(docdir)
	$(INSTALL) -m 755 $(PROGRAMS) $(DESTDIR)$(bindir)
	$(if $(MAN_PAGES),$(INSTALL) -m 644 $(MAN_PAGES) $(COMMAND_PAGES) $(DESTDIR)$(mandir)/man1)
	@for file in $(DOCUMENTS); do \
	    $(INSTALL) -D -m 644 $$file $(DESTDIR)$(docdir)/$$file || exit 1; done
	$(INSTALL) -m 644 $(O)/viewer.html $(O)/viewer-small.html $(O)/tcplens.spdx.json web/src/sample.ndjson $(DESTDIR)$(docdir)
	$(INSTALL) -D -m 644 $(B)/completion/tcplens $(DESTDIR)$(bashcompdir)/tcplens
	$(INSTALL) -D -m 644 $(B)/completion/_tcplens $(DESTDIR)$(zshcompdir)/_tcplens
	$(INSTALL) -D -m 644 $(B)/completion/tcplens.fish $(DESTDIR)$(fishcompdir)/tcplens.fish

## uninstall: removes what install put there
.PHONY: uninstall
uninstall:
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(notdir $(PROGRAMS)))
	rm -f $(addprefix $(DESTDIR)$(mandir)/man1/,$(notdir $(MAN_PAGES) $(COMMAND_PAGES)))
	rm -f $(addprefix $(DESTDIR)$(docdir)/,$(DOCUMENTS) viewer.html viewer-small.html tcplens.spdx.json sample.ndjson)
	rm -f $(DESTDIR)$(bashcompdir)/tcplens $(DESTDIR)$(zshcompdir)/_tcplens $(DESTDIR)$(fishcompdir)/tcplens.fish
	if [ -d $(DESTDIR)$(docdir) ]; then find $(DESTDIR)$(docdir) -depth -type d -empty -delete; fi

# ---- packages for Debian ---------------------------------------------------------------------------------------------

# dpkg-buildpackage wants debian/ at the root of what it builds. It stands in docs/, beside the manual pages that it packs, and is
# put where it belongs in a copy. What npm installed is lent to the copy, which so needs no network.
DEB := $(abspath $(O))/deb

# The authors have no mail address: who puts the packages into an archive is their maintainer, and gives his.
LINTIAN_PASSES := bogus-mail-host,bogus-mail-host-in-debian-changelog

## deb: packages tcplens and tcplens-doc in $(O)/deb, looked at by lintian; JOBS=2: at once
JOBS ?= $(shell nproc)
.PHONY: deb
deb: $(NODE_MODULES)
	@sh tests/deps.sh build engine deb
	@grep -q '^tcplens ($(VERSION)) ' docs/debian/changelog || \
	    { echo 'docs/debian/changelog does not begin with version $(VERSION)' >&2; exit 1; }
	$(Q)rm -rf $(DEB) && mkdir -p $(DEB)/tcplens
	$(Q)tar -c --exclude=node_modules --exclude=__pycache__ Makefile LICENSE $(wildcard *.md) src bpf include tests web docs | tar -x -C $(DEB)/tcplens
	$(Q)ln -s $(abspath web/node_modules) $(DEB)/tcplens/web/node_modules
	$(Q)mv $(DEB)/tcplens/docs/debian $(DEB)/tcplens/debian && cat LICENSE >>$(DEB)/tcplens/debian/copyright
	$(Q)cd $(DEB)/tcplens && SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) MAKEFLAGS= dpkg-buildpackage --build=binary --unsigned-source \
	    --unsigned-changes --jobs=$(JOBS)
	$(Q)cd $(DEB) && lintian --fail-on error,warning --info --suppress-tags $(LINTIAN_PASSES) *.changes
	$(Q)rm -rf $(DEB)/tcplens
	@ls -l $(DEB)/*.deb

## check-deb: the packages in a Debian of their own, made by debootstrap (root): installed, tried, removed, and nothing left
.PHONY: check-deb
check-deb:
	@$(MAKE) deb
	@sh tests/deps.sh check-deb
	@unshare --mount --propagation private sh tests/build/deb_test.sh $(DEB)

## clean: removes $(O); web/node_modules stays
.PHONY: clean
clean:
	rm -rf $(O)

## help: this list
.PHONY: help
help:
	@sed -n 's/^## //p' Makefile
	@echo
	@echo 'O=build V=1 SAN=address,undefined WERROR=1; CFLAGS LDFLAGS prefix DESTDIR as usual'
