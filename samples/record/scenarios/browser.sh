# A web page in a real browser: what most people want to look at.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Headless Chromium loads a page from a node HTTP server; its script opens a WebSocket to node ws on the same port
    (the browser offers permessage-deflate, the server declines), exchanges texts and an ArrayBuffer, and closes with 3001.
    The connection that loaded the page is in the capture as well; it is not a WebSocket."
software=(chromium node ws tcpdump)
filter="tcp port 8103"
play() {
    serve 8103 node "$here/scenarios/browser.js"
    mkdir profile home
    HOME=$work/home inside chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage \
        --user-data-dir="$work/profile" http://127.0.0.1:8103/ >browser.txt 2>&1 &
    for _ in $(seq 300); do
        if grep -q '"ended"' "$WSLOG"; then break; fi
        sleep 0.1
    done
    sleep 0.5
}
