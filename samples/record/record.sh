#!/usr/bin/env bash
# Records the samples again: record.sh [NAME...] (all of them without a name). Needs root, Linux and the programs that
# README.md lists. Everything happens in a network namespace of its own, so nothing else gets into the captures.
# SAMPLES_TOOLS=DIR keeps the npm and pip packages there for the next time.
# shellcheck disable=SC2030,SC2031 # the variables of a scenario live in its subshell, on purpose
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
samples=$(dirname "$here")
scratch=$(mktemp -d)
tools=${SAMPLES_TOOLS:-$scratch/tools}
namespace=wslens-samples-$$
export NODE_PATH=$tools/node_modules PATH=$tools/py/bin:$PATH
export PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1

main() {
    trap cleanup EXIT
    install_tools
    if [ $# -eq 0 ]; then
        # The edited copies come after what they are made from.
        local file names=()
        for file in "$here"/scenarios/*.sh "$here"/copies/*.sh; do names+=("$(basename "$file" .sh)"); done
        set -- "${names[@]}"
    fi
    local name
    for name in "$@"; do
        if [ -e "$here/scenarios/$name.sh" ]; then
            record "$name"
        else
            copy "$name"
        fi
    done
}

install_tools() {
    mkdir -p "$tools"
    [ -d "$tools/node_modules/ws" ] || npm install --silent --no-audit --no-fund --prefix "$tools" ws mqtt
    if [ ! -d "$tools/py" ]; then
        python3 -m venv "$tools/py"
        "$tools/py/bin/pip" install --quiet websockets
    fi
}

# Runs one scenario in a fresh namespace and writes NAME.pcap (or what it calls its file) and NAME.json.
# A scenario sets story, software, problems, filter, and defines play(); it may change the other variables.
record() (
    name=$1
    story='' filter='' file=$name.pcap keys='' device=lo mtu=65536 software=() problems=()
    work=$scratch/$name
    export WSLOG=$work/log.ndjson
    mkdir "$work" && cd "$work" && : >"$WSLOG"
    trap 'stop_all; ip netns del "$namespace"' EXIT
    ip netns add "$namespace"
    ip -n "$namespace" link set lo mtu "$mtu" up
    prepare() { :; }
    start_recorder() { start_tcpdump; }
    finish() { :; }

    # shellcheck source=/dev/null
    source "$here/scenarios/$name.sh"
    ip -n "$namespace" link set lo mtu "$mtu"
    # Packets are shown as they would travel, not as one giant segment.
    [ "$mtu" = 65536 ] || ip -n "$namespace" link set lo gso_max_segs 1
    prepare
    start_recorder
    play
    sleep 0.5
    stop_recorder
    finish
    stop_all
    meta "" >meta.json
    python3 "$here/truth.py" meta.json "$WSLOG" "$file" "$name.json"
    publish
)

# Makes an edited copy: a script in copies/ sets made_from, story, problems, file and defines edit() and retell().
copy() (
    name=$1
    story='' file=$name.pcap keys='' made_from='' software=() problems=() changes=()
    work=$scratch/$name
    mkdir "$work" && cd "$work"
    # shellcheck source=/dev/null
    source "$here/copies/$name.sh"
    original=$samples/$made_from.pcap
    edit
    meta "$made_from" >meta.json
    python3 "$here/retell.py" meta.json "$samples/$made_from.json" "$name.json" "${changes[@]}"
    publish
)

# The numbers of the packets that a display filter selects in the original of a copy.
frames() {
    tshark -r "$original" -d tcp.port==8100-8399,http -Y "$1" -T fields -e frame.number 2>/dev/null
}

publish() {
    cp "$file" "$name.json" "$samples/"
    if [ -n "$keys" ]; then cp "$keys" "$samples/"; fi
    python3 "$here/check.py" "$samples/$name.json"
}

# --- for the scenarios ----------------------------------------------------------------------------------------------

inside() { ip netns exec "$namespace" timeout 60 "$@"; }

# Starts a server and waits until it listens: serve PORT COMMAND...
serve() {
    local port=$1 tries
    shift
    ip netns exec "$namespace" "$@" &
    for tries in $(seq 100); do
        if [ -n "$(inside ss -Hltn "sport = :$port")" ]; then return; fi
        sleep 0.1
    done
    echo "$name: nothing listens on $port after $tries tries" >&2
    return 1
}

# shellcheck source=nginx.sh
source "$here/nginx.sh"

node_server() {
    local port=$1
    serve "$port" node "$here/ws-server.js" "$@"
}

start_tcpdump() {
    ip netns exec "$namespace" tcpdump -Z "$(id -un)" -i "$device" -n -s 0 -U --immediate-mode -B 65536 \
        -w "$file" "$filter" 2>recorder.txt &
    recorder=$!
    wait_for_recorder
}

wait_for_recorder() {
    until grep -qs -e 'listening on' -e '^File: ' recorder.txt; do
        kill -0 "$recorder" || { cat recorder.txt >&2; return 1; }
        sleep 0.1
    done
    sleep 0.3
}

stop_recorder() {
    kill -INT "$recorder"
    wait "$recorder" || true
    if grep -E '^[1-9][0-9]* packets dropped' recorder.txt; then
        echo "$name: packets were dropped" >&2
        return 1
    fi
}

# Ends what runs in our namespace, and nothing else.
stop_all() {
    local signal
    for signal in TERM KILL; do
        ip netns pids "$namespace" | xargs -r kill -s "$signal" 2>/dev/null || true
        for _ in $(seq 20); do
            [ -n "$(ip netns pids "$namespace")" ] || return 0
            sleep 0.1
        done
    done
}

# --- what is known about a capture before its messages ----------------------------------------------------------------

meta() {
    local tool
    for tool in "${software[@]}"; do printf '%s=%s\n' "$tool" "$(version_of "$tool")"; done >software.txt
    python3 - "$name" "$story" "$file" "$keys" "$1" "${problems[*]}" software.txt <<'PYTHON'
import json, sys
name, story, file, keys, made_from, problems, software = sys.argv[1:]
meta = {"name": name, "story": " ".join(story.split()), "file": file}
if keys: meta["keys"] = keys
if made_from: meta["made_from"] = made_from
meta["problems"] = problems.split()
meta["software"] = dict(line.rstrip("\n").split("=", 1) for line in open(software))
print(json.dumps(meta))
PYTHON
}

version_of() {
    case $1 in
        node) node --version | tr -d v ;;
        ws | mqtt) node -p "JSON.parse(fs.readFileSync('$tools/node_modules/$1/package.json')).version" ;;
        python) python -c 'import platform; print(platform.python_version())' ;;
        websockets) python -c 'import websockets; print(websockets.__version__)' ;;
        nginx) nginx -v 2>&1 | sed 's|.*/||' ;;
        mosquitto) { mosquitto -h || true; } | sed -n '1s/.* //p' ;;
        chromium) chromium --version 2>/dev/null | cut -d ' ' -f 2 ;;
        tcpdump) tcpdump --version 2>&1 | sed -n 's/tcpdump version //p' ;;
        openssl) openssl version | cut -d ' ' -f 2 ;;
        dumpcap | editcap | mergecap) "$1" --version | sed -n '1s/.*) \([0-9.]*[0-9]\)\.\? .*/\1/p' ;;
        gzip) gzip --version | sed -n '1s/.* //p' ;;
        zstd) zstd --version | sed -n 's/.* v\([0-9.]*\),.*/\1/p' ;;
        *) echo unknown ;;
    esac
}

cleanup() {
    if [ "$BASHPID" = "$$" ]; then rm -rf "$scratch"; fi
}

main "$@"
