#!/bin/sh
# Looks for the tools and libraries that the named groups need: deps.sh [-n] build|engine|check|kernels|fuzz|truth|lint...
#
# What is missing is installed where this is Debian or Ubuntu and the user is root (never with -n), else told in one
# message. Each thing is looked for itself, not as a package: what came from elsewhere (NodeSource's Node.js, which
# Debian's npm package conflicts with) is left alone.
export PATH="$PATH:/usr/sbin:/sbin"

has() { command -v "$1" >/dev/null 2>&1; }
# library NAME [VERSION]: that or a later one
library() { pkg-config --exists "$1${2:+ >= $2}" 2>/dev/null; }
node_18() { has node && [ "$(node -p 'process.versions.node.split(".")[0] >= 18' 2>/dev/null)" = true ]; }
python_module() { python3 -c "import $1" 2>/dev/null; }
has_firefox() { has firefox-esr || has firefox; }
has_browser() { has chromium || has chromium-browser || has google-chrome; }
bpftool_runs() {
    for tool in /usr/lib/linux-tools/*/bpftool bpftool; do
        "$tool" version >/dev/null 2>&1 && return
    done
    return 1
}

# links COMPILER OPTION... < SOURCE
links() {
    program=$(mktemp) || exit 1
    "$@" -x c -o "$program" - >/dev/null 2>&1
    status=$?
    rm -f "$program"
    return $status
}
c_library() { echo 'int main(void) { return 0; }' | links gcc; }
wasm_library() { echo 'int main(void) { return 0; }' | links clang --target=wasm32-wasi; }
fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { return p && n > 9; }' |
        links clang -fsanitize=fuzzer,address,undefined
}

# group, Debian's packages (with + between), how to look for it, what it is.
table() {
    cat <<'END'
build  gcc+libc6-dev     c_library                  gcc with the C library's headers
build  clang             has clang                  clang (compiles the kernel side)
build  bpftool           bpftool_runs               bpftool
build  pkg-config        has pkg-config             pkg-config
build  libbpf-dev        library libbpf 1.1         libbpf 1.1 or later (libbpf.pc)
build  libelf-dev        library libelf             libelf (libelf.pc)
build  zlib1g-dev        library zlib               zlib (zlib.pc)
build  libpcap-dev       library libpcap 1.10       libpcap 1.10 or later (libpcap.pc)
build  libcjson-dev      library libcjson           cJSON (libcjson.pc)
build  libmicrohttpd-dev library libmicrohttpd      libmicrohttpd (libmicrohttpd.pc)
build  libcap-dev        library libcap             libcap (libcap.pc)
build  libseccomp-dev    library libseccomp 2.5     libseccomp 2.5 or later (libseccomp.pc)
build  libncurses-dev    library ncursesw           ncurses with wide characters (ncursesw.pc)
build  libnats-dev       library libnats 3.3        libnats 3.3 or later (libnats.pc)
build  nodejs            node_18                    Node.js 18 or later
build  npm               has npm                    npm
build  ca-certificates   has_certificates           certificates of the web's authorities
engine clang             has clang                  clang
engine lld               has wasm-ld                lld (wasm-ld)
engine wasi-libc+libclang-rt-dev-wasm32 wasm_library   wasi-libc and clang's library for WebAssembly (make ENGINE=0 does without: the page then opens traces only)
check  libcmocka-dev     library cmocka             cmocka (cmocka.pc)
check  python3           has python3                Python 3.9 or later
check  python3-pyte     has_pyte                   pyte for Python (a terminal, to look at)
check  python3-jsonschema python_module jsonschema  jsonschema for the python3 of $PATH
check  iproute2          has ip                     ip
check  util-linux        has unshare                unshare
check  procps            has ps                     ps
check  apache2-bin       has apache2                Apache (the program alone), to be traced
check  tcpdump           has tcpdump                tcpdump
check  curl              has curl                   curl
check  tshark            has tshark                 tshark
check  protobuf-compiler has protoc                 protoc
check  jq                has jq                     jq
check  groff-base        has groff                  groff
check  bash              has bash                   bash
check  zsh               has zsh                    zsh
check  fish              has fish                   fish
check  chromium          has_browser                Chromium or Chrome
check  firefox-esr       has_firefox                Firefox ESR
check  fontconfig+fonts-noto-cjk has_cjk_font       a font with Chinese characters
check  prometheus        has_prometheus             Prometheus, with promtool
check  nats-server       has nats-server            nats-server
check  systemd           has systemd-analyze        systemd-analyze
kernels qemu-system-x86  has_qemu                 QEMU for x86-64
kernels kmod             has insmod               insmod
fuzz   libclang-rt-dev   fuzzer                     libFuzzer and the sanitizers of clang (compiler-rt)
truth  python3           has python3                Python 3.9 or later
truth  tshark            has tshark                 tshark
bench  python3           has python3                Python 3.9 or later
bench  iproute2          has ip                     ip
bench  util-linux        has unshare                unshare
bench  libbpf-tools      has tcpstates              tcpstates and tcplife, to compare with
bench  bpftrace          has bpftrace               bpftrace, to compare with
bench  tcpdump           has tcpdump                tcpdump, to compare with
bench-echo python3       has python3                Python 3.9 or later
bench-echo libevent-dev  library libevent           libevent, to compare with
bench-echo libuv1-dev    library libuv              libuv, to compare with
bench-echo redis-server  has redis-server           redis, to compare with
deb    dpkg-dev          has dpkg-buildpackage      dpkg-buildpackage
deb    debhelper         has dh                     debhelper
deb    fakeroot          has fakeroot               fakeroot
deb    lintian           has lintian                lintian
check-deb debootstrap    has debootstrap            debootstrap
check-deb util-linux     has unshare                unshare
lint   clang-format      has clang-format           clang-format 14 or later
lint   clang-tidy        has clang-tidy             clang-tidy 14 or later
lint   groff             has groff                  groff
END
}

# Pure Python: that of Debian does for another Python too (tests/lib/screen.py).
has_pyte() { python_module pyte || PYTHONPATH=/usr/lib/python3/dist-packages python3 -c 'import pyte' 2>/dev/null; }
has_prometheus() { has prometheus && has promtool; }

# Debian's Node.js reads this file; others bring their own.
has_certificates() { [ -s /etc/ssl/certs/ca-certificates.crt ] || ! has dpkg; }

# fontconfig itself is among the packages: a browser asks it for fonts.
has_cjk_font() { has fc-list && [ -n "$(fc-list :lang=zh-cn)" ]; }

# The kernels that are tested are for x86-64.
has_qemu() { has qemu-system-x86_64 || [ "$(uname -m)" != x86_64 ]; }

# Sets packages and things to what the groups need and this machine has not.
look() {
    packages='' things=''
    while read -r group names check_and_thing; do
        case " $groups " in *" $group "*) ;; *) continue ;; esac
        check=$(printf '%s\n' "$check_and_thing" | sed 's/   *.*//')
        thing=$(printf '%s\n' "$check_and_thing" | sed 's/.*   *//')
        if ! eval "$check"; then
            packages="$packages $(echo "$names" | tr + ' ')"
            things="$things
    $thing"
        fi
    done <<END
$(table)
END
}

install=yes
if [ "$1" = -n ]; then
    install=no
    shift
fi
groups="$*"
look
[ -n "$things" ] || exit 0

if has apt-get; then
    # Ubuntu has bpftool among the tools of its kernels.
    case $packages in *bpftool*)
        [ -n "$(apt-cache show bpftool 2>/dev/null)" ] || [ -z "$(apt-cache show linux-tools-generic 2>/dev/null)" ] ||
            packages=$(echo "$packages" | sed 's/bpftool/linux-tools-generic/') ;;
    esac
    remedy="Install them:
    sudo apt-get install --no-install-recommends$packages"
    if [ $install = yes ] && [ "$(id -u)" = 0 ]; then
        export DEBIAN_FRONTEND=noninteractive
        echo "Installing what is missing:$packages"
        # One archive out of reach need not be the one that has them: what counts is whether they can be installed.
        apt-get update -q || echo 'apt-get update failed (see above); going on with the package lists there are.' >&2
        # shellcheck disable=SC2086 # a list of words
        if ! apt-get install -q -y --no-install-recommends $packages; then
            echo "apt-get could not install$packages (see above): are the package archives within reach?" >&2
            exit 1
        fi
        look
        [ -n "$things" ] || exit 0
        remedy='The packages of this system are installed and are too old, or hidden by another program in $PATH.'
    fi
else
    remedy='Install them with the package manager of this system (libraries with their development files).'
fi
echo "Missing:$things
$remedy" >&2
exit 1
