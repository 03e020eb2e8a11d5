#!/bin/sh
# Five nodes become one mesh and talk to each other, each pair in both directions, in under a minute.
#
#   five_nodes.sh [DWCP]      the binary, default `dwcp` of the PATH
#
# With root and network namespaces each node has a machine of its own on a bridge; else all are on loopback. NETNS=off asks for loopback.
# Everything is made in a temporary directory and removed at the end, whatever happens.
set -eu

dwcp=${1:-dwcp}
begin=$(date +%s)
home=$(mktemp -d)
tag=dw$$
pids=
spaces=

clean() {
    trap - EXIT INT TERM
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    for space in $spaces; do ip netns del "$space" 2>/dev/null || true; done
    [ "$mode" = loopback ] || ip link del "$tag" 2>/dev/null || true
    rm -rf "$home"
}

say() { printf '%s\n' "$*"; }
fail() {
    say "failed: $*" >&2
    for log in "$home"/*.log; do [ -f "$log" ] && { say "== $log" >&2; tail -5 "$log" >&2; }; done
    exit 1
}

# Runs a command where a node is.
at() {
    node=$1
    shift
    if [ "$mode" = loopback ]; then "$@"; else ip netns exec "$tag$node" "$@"; fi
}

# The address of a node, for others.
address() {
    if [ "$mode" = loopback ]; then echo 127.0.0.1; else echo "10.211.7.$1"; fi
}

# A port of a node: a block of twenty each, so that all fit on one machine.
port() { echo $((base + $1 * 20 + $2)); }

mode=loopback
trap clean EXIT
trap 'exit 130' INT TERM
base=$((10000 + $$ % 70 * 130))
if [ "${NETNS:-on}" != off ] && [ "$(id -u)" = 0 ] && command -v ip >/dev/null && ip link add "$tag" type bridge 2>/dev/null; then
    mode=namespaces
    ip link set "$tag" up
    for node in 1 2 3 4 5; do
        ip netns add "$tag$node" 2>/dev/null || { mode=half; break; }
        spaces="$spaces $tag$node"
        ip link add "$tag-$node" type veth peer name eth0 netns "$tag$node"
        ip link set "$tag-$node" master "$tag" up
        ip -n "$tag$node" addr add "10.211.7.$node/24" dev eth0
        ip -n "$tag$node" link set eth0 up
        ip -n "$tag$node" link set lo up
    done
    if [ "$mode" = half ]; then
        for space in $spaces; do ip netns del "$space" 2>/dev/null || true; done
        ip link del "$tag" 2>/dev/null || true
        spaces=
        mode=loopback
    fi
fi
say "five nodes in $mode"

# What each node does: a plain service that says its number, a listener in front of it, a dialer to each other node.
ports() {
    node=$1 config=$home/$1/dwcp.yaml
    sed -i "s/127.0.0.1:9443/$(address "$node"):$(port "$node" 0)/; s/127.0.0.1:8080/127.0.0.1:$(port "$node" 2)/" "$config"
    {
        for other in 1 2 3 4 5; do
            [ "$other" = "$node" ] && continue
            say "    - name: to-$other"
            say "      listen: 127.0.0.1:$(port "$node" $((10 + other)))"
            say "      remote: $(address "$other"):$(port "$other" 1)"
            say "      expect: [\"spiffe://five.example/node/n$other\"]"
        done
    } > "$home/dialers"
    sed -i -e "/^  dialers: \[\]/{
r $home/dialers
s/.*/  dialers:/
}" "$config"
}

start() {
    node=$1
    # Without a shell in between, so that what is ended is the program itself.
    through=
    [ "$mode" = loopback ] || through="ip netns exec $tag$node"
    $through "$dwcp" up --config "$home/$node/dwcp.yaml" > "$home/$node.log" 2>&1 &
    pids="$pids $!"
    $through "$serve" "$node" "$(port "$node" 2)" > "$home/service-$node.log" 2>&1 &
    pids="$pids $!"
}

# A service and a client in whatever the machine has for it.
serve=$home/serve
ask=$home/ask
command -v python3 >/dev/null || fail "python3 is needed for the plain services"
cat > "$serve" <<'END'
#!/usr/bin/env python3
import socketserver, sys
class Say(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"node " + sys.argv[1].encode() + b"\n")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("127.0.0.1", int(sys.argv[2])), Say).serve_forever()
END
cat > "$ask" <<'END'
#!/usr/bin/env python3
import socket, sys
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as line:
        line.settimeout(5)
        text = b""
        while not text.endswith(b"\n"):
            got = line.recv(64)
            if not got:
                break
            text += got
        print(text.decode().strip())
except OSError:
    pass
END
chmod +x "$serve" "$ask"

# The first one makes the mesh.
"$dwcp" -q init "$home/1" --name n1 --trust-domain five.example --listen "$(address 1):$(port 1 1)"
ports 1
start 1
say "node 1: the authority, up"

# The others join it, each with a token of its own.
for node in 2 3 4 5; do
    tries=0
    until token=$("$dwcp" token create --config "$home/1/dwcp.yaml" --address "$(address 1):$(port 1 0)" 2> "$home/token.log") &&
        printf '%s\n' "$token" | at "$node" "$dwcp" -q init "$home/$node" --join - --name "n$node" \
            --listen "$(address "$node"):$(port "$node" 1)" 2> "$home/join.log"; do
        tries=$((tries + 1))
        [ "$tries" -lt 20 ] || fail "node $node does not join: $(cat "$home/token.log" "$home/join.log" 2>/dev/null)"
        sleep 0.3
    done
    ports "$node"
    start "$node"
    say "node $node: joined, up"
done

# Each talks to each.
for node in 1 2 3 4 5; do
    for other in 1 2 3 4 5; do
        [ "$other" = "$node" ] && continue
        tries=0
        until [ "$(at "$node" "$ask" "$(port "$node" $((10 + other)))")" = "node $other" ]; do
            tries=$((tries + 1))
            [ "$tries" -lt 60 ] || fail "node $node does not reach node $other"
            sleep 0.25
        done
    done
    say "node $node: reaches the other four"
done
say "five nodes, twenty links, $(($(date +%s) - begin)) s"
