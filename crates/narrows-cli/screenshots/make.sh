#!/bin/sh
# Draws the pictures of `narrows top` that the documentation shows, from pipelines that run meanwhile.
# Usage: make.sh PROGRAM, where PROGRAM is a built `narrows`. The pictures are written beside this script.
set -eu
narrows=${1:?usage: make.sh PROGRAM}
here=$(cd "$(dirname "$0")" && pwd)
NARROWS_DIR=$(mktemp -d)
export NARROWS_DIR
trap 'rm -rf "$NARROWS_DIR"' EXIT
mkfifo "$NARROWS_DIR/go"
# The programs in the pictures: one waits for a server, one for nobody.
cat > "$NARROWS_DIR/fetch" <<'EOF'
#!/bin/sh
while read -r line; do sleep 0.05; echo "$line"; done
EOF
chmod +x "$NARROWS_DIR/fetch"
PATH=$NARROWS_DIR:$PATH

draw() {
    # Two seconds, so that the figures settle.
    sleep 2
    "$narrows" top --svg "$here/$1.svg" --width 118
    wait
}

# What runs is ended by force: nothing of it is to be finished.
run="timeout -s KILL 4 $narrows"

# The farm is what everything waits for.
seq 1 100000000 | $run tap -q --name in | $run farm -q -j 4 fetch | $run tap -q --name out > /dev/null 2>&1 &
draw busy

# One record keeps all others from being printed.
script='[ "$1" = 40 ] && read -r go <> "$NARROWS_DIR/go"; echo "$1"'
seq 1 100000000 | $run farm -q -j 4 --window 64 sh -c "$script" sh {} > /dev/null 2>&1 &
draw record
