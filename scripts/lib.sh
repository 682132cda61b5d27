# shellcheck shell=bash
# What the scripts share: finding the toolchain, installing what may be installed without a question.

# Says how to get cargo where it is missing.
need_cargo() {
    if ! command -v cargo >/dev/null && [ -f "${CARGO_HOME:-$HOME/.cargo}/env" ]; then
        # shellcheck source=/dev/null
        . "${CARGO_HOME:-$HOME/.cargo}/env"
    fi
    if ! command -v cargo >/dev/null; then
        echo "cargo is missing: install Rust 1.88 or newer from https://rustup.rs, then run this again" >&2
        exit 2
    fi
}

# Installs a linker and libpcap's headers where that can be done without a question.
need_libraries() {
    if ! command -v cc >/dev/null && ! install_package gcc gcc gcc "gcc musl-dev" gcc; then
        echo "no C linker (cc): Rust needs one; install gcc or clang, then run this again" >&2
        exit 2
    fi
    if has_libpcap; then
        return
    fi
    if install_package libpcap-dev libpcap-devel libpcap libpcap-dev libpcap && has_libpcap; then
        echo "installed libpcap"
    else
        echo "going on without live capture: install libpcap's headers for it (Debian: apt install libpcap-dev)"
    fi
}

has_libpcap() {
    { command -v pkg-config >/dev/null && pkg-config --exists libpcap; } ||
        command -v pcap-config >/dev/null || [ -e /usr/include/pcap/pcap.h ]
}

# install_package APT DNF PACMAN APK BREW: the same thing as each package manager calls it.
install_package() {
    local log
    log=$(mktemp)
    if try_install "$@" >"$log" 2>&1; then
        rm -f "$log"
    else
        tail -n 1 "$log" >&2
        rm -f "$log"
        return 1
    fi
}

try_install() {
    if command -v apt-get >/dev/null; then
        as_root apt-get install -y --no-install-recommends "$1" ||
            { as_root apt-get update && as_root apt-get install -y --no-install-recommends "$1"; }
    elif command -v dnf >/dev/null; then
        as_root dnf install -y "$2"
    elif command -v pacman >/dev/null; then
        as_root pacman -S --needed --noconfirm "$3"
    elif command -v apk >/dev/null; then
        # shellcheck disable=SC2086 # may be two packages
        as_root apk add $4
    elif command -v brew >/dev/null; then
        brew install "$5"
    else
        echo "no package manager that this script knows"
        return 1
    fi
}

# Runs a command as root, if that needs no password.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    else
        echo "neither root nor sudo without a password"
        return 1
    fi
}
