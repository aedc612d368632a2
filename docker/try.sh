#!/bin/sh
# Builds docker/Dockerfile and runs the image on a machine without a container engine: as the image's own user, on a
# read-only root file system, without a network. It needs root and Debian's buildah, mmdebstrap, iproute2 and curl, some
# minutes and 5 GB. The first step that fails ends it. From anywhere:
#   docker/try.sh > transcript.txt 2>&1
# Variables, all optional, with absolute paths:
#   BASE=/ROOTFS.tar          what stands in for python:3.11-slim; by default Debian bookworm, made with mmdebstrap
#   PIP_CONFIG_FILE=/FILE     pip's configuration during the build
#   PIP_PATHS="/DIR ..."      what that configuration names: certificates, wheels
#   WORK=/DIR                 where the image is left; by default a temporary folder, which is removed
set -eu
cd "$(dirname "$0")/.."

most_mb=1500
documents=$PWD/ingest:/data/ingest:ro
token=try.sh-on-this-machine

engine() {
    buildah --root "$WORK/images" --runroot "$WORK/run" --storage-driver vfs "$@"
}

make_base() {
    if [ -z "${BASE:-}" ]; then
        BASE=$WORK/base.tar
        mmdebstrap --quiet --variant=minbase --include=python3,python3-venv bookworm "$BASE"
    fi
    container=$(engine from scratch)
    engine add --quiet "$container" "$BASE" /
    engine commit --quiet --rm "$container" python:3.11-slim
}

build() {
    set -- ${PIP_CONFIG_FILE:+--volume "$PIP_CONFIG_FILE:/etc/pip.conf:ro"}
    for path in ${PIP_PATHS:-}; do set -- "$@" --volume "$path:$path:ro"; done
    engine build --pull-never --isolation chroot --format docker "$@" --file docker/Dockerfile --tag jv3search .
}

megabytes() {
    du --summarize --block-size=1000000 "$@"
}

# The image's size, with its largest packages.
measure() {
    megabytes "$root"/opt/jv3search/lib/python3*/site-packages/* | sort -rn | head -n 12 | sed 's/\t.*\//\t/'
    all=$(megabytes "$root" | cut -f 1)
    added=$(megabytes "$root/opt" | cut -f 1)
    echo "$all MB: base $((all - added)), jv3search and what it needs $added"
    [ "$all" -lt "$most_mb" ]
}

# A command in a container of the image, with the volumes of compose.yaml.
run() {
    printf '\n$ %s\n' "$*"
    quietly "$@"
}

quietly() {
    engine run --isolation chroot --mount type=tmpfs,destination=/tmp --env JV3SEARCH_TOKEN=$token \
        --volume "$documents" --volume "$WORK/indexes:/data/indexes" \
        --volume "$WORK/models:/data/models" "$container" -- "$@"
}

# A command, tried for a minute.
patiently() {
    tries=30
    until "$@" 2> /dev/null; do
        tries=$((tries - 1))
        [ $tries -gt 0 ]
        sleep 2
    done
}

# The health check of compose.yaml at a port and path.
wait_for() {
    check="import urllib.request as u; u.urlopen('http://127.0.0.1:$1')"
    patiently quietly python -c "$check"
    run python -c "$check" && echo healthy
}

# A request with a token to a port and path; it must be answered with the given status.
ask() {
    printf '\n> %s %s\n' "$3" "${4:-}"
    answer=$(curl --silent --show-error --write-out '\n%{http_code}' --header "Authorization: Bearer $2" \
        --header 'Content-Type: application/json' ${4:+--data "$4"} "http://127.0.0.1:$3")
    printf '%s\n' "$answer"
    [ "$(printf %s "$answer" | tail -n 1)" = "$1" ]
}

uploaded() {
    quietly jv3search list | grep /data/ingest/uploads/frist.txt
}

# In namespaces of its own, in which the loopback device is all the network, and which end with all that was started.
try() {
    ip link set lo up
    mount --bind "$root" "$root"
    mount -t tmpfs -o mode=755 tmpfs "$root/run" # buildah writes and removes /run/.containerenv
    mount -o remount,bind,ro "$root"

    run id
    run sh -c '! touch /data/x'
    run sh -c '! touch /data/ingest/x'
    run jv3search --version
    run jv3search ingest
    run jv3search search --k 2 'Wie stelle ich gelöschte Dateien aus einer Sicherung wieder her?'
    run sh -c '! jv3search search --engine torch printer'

    run jv3search serve --port 8601 --address 0.0.0.0 &
    wait_for 8601/healthz
    wait_for 8601/readyz
    texts='{"model": "jv3-mini", "task": "retrieval.query", "dimensions": 4, "input": ["Kündigungsfrist?", "予告期間は？"]}'
    ask 401 wrong 8601/v1/embeddings "$texts"
    ask 200 $token 8601/v1/embeddings "$texts"
    ask 200 $token 8601/v1/search '{"query": "how do I change the ink cartridge of my printer?", "k": 1}'

    documents=$WORK/ingest:/data/ingest
    run jv3search serve --write --port 8602 --address 0.0.0.0 &
    wait_for 8602/healthz
    ask 403 $token '8601/v1/documents?name=frist.txt' 'Die Kündigungsfrist beträgt drei Monate.'
    ask 202 $token '8602/v1/documents?name=frist.txt' 'Die Kündigungsfrist beträgt drei Monate.'
    patiently uploaded

    run jv3search ui --no-browser --port 8501 --address 0.0.0.0 --host localhost --host 127.0.0.1 &
    wait_for 8501/_stcore/health
    echo "All of it worked."
}

if [ "${1:-}" = inside ]; then
    try
    exit
fi
if [ -z "${WORK:-}" ]; then
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT
fi
make_base
build
container=$(engine from --pull-never jv3search)
root=$(engine mount "$container")
measure
install --directory --owner=1000 "$WORK/indexes" "$WORK/models" "$WORK/ingest"
# The image's own volumes would hide the mounted folders.
engine config --volume /data/ingest- --volume /data/indexes- --volume /data/models- "$container"
touch "$root/etc/hosts" # buildah mounts its own there
export WORK container root
unshare --mount --net --pid --fork --kill-child --mount-proc "docker/try.sh" inside
