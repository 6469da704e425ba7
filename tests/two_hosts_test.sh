#!/bin/sh
# Two hosts on one machine: network namespaces with names of their own, joined by a pair of virtual interfaces. train_mlp
# and a step of training go over them by TCP, and must have the bits of one process; a killed rank ends those of the
# other host. Arguments: mpirun, train_mlp; then, if a step is to be timed, the program bench_ranks and its arguments.
# LINK limits the link, as tc has it: LINK="tbf rate 1gbit burst 1mb latency 50ms". Skipped without the rights.
set -eu
mpirun=$(command -v "$1") train_mlp=$(realpath "$2")
shift 2
id=$$
a=ranks-a-$id b=ranks-b-$id
folder=$(mktemp -d)
clean() {
  ip netns delete "$a" 2>/dev/null || true
  ip netns delete "$b" 2>/dev/null || true
  rm -rf "$folder"
}
trap clean EXIT
skip() {
  echo "skipped: $1"
  exit 77
}
command -v ip >/dev/null || skip "there is no ip (Debian: iproute2)"
ip netns add "$a" 2>/dev/null || skip "network namespaces need rights that are not here"
ip netns add "$b"
ip link add "va$id" netns "$a" type veth peer name "vb$id" netns "$b" 2>/dev/null || skip "there are no veth interfaces"
address() {
  ip -n "$1" address add "$3" dev "$2"
  ip -n "$1" link set "$2" up
  ip -n "$1" link set lo up
  # shellcheck disable=SC2086  # words
  [ -z "${LINK:-}" ] || tc -n "$1" qdisc add dev "$2" root $LINK
}
address "$a" "va$id" 10.77.0.1/24
address "$b" "vb$id" 10.77.0.2/24

# How mpirun reaches a host: its arguments are the address and the command.
cat >"$folder/agent" <<AGENT
#!/bin/sh
shift
exec ip netns exec $b unshare --uts sh -c 'hostname ranks-b; exec sh -c "\$0"' "\$*"
AGENT
chmod +x "$folder/agent"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
on_both() {
  count=$1
  shift
  # shellcheck disable=SC2016  # for the shell that this starts
  ip netns exec "$a" unshare --uts sh -c 'hostname ranks-a; exec "$0" "$@"' "$mpirun" --oversubscribe --bind-to none \
    -n "$count" --host 10.77.0.1:$(((count + 1) / 2)),10.77.0.2:$((count / 2)) --mca plm_rsh_agent "$folder/agent" \
    --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 "$@"
}

if [ $# -gt 0 ]; then
  for count in ${RANKS:-2 4}; do on_both "$count" "$@"; done
  exit
fi
options="--data iris --epochs 10 --batch 16 --dropout 0.1 --quiet --threads 1"
# shellcheck disable=SC2086  # words
"$train_mlp" $options --shards 4 --save "$folder/alone" >/dev/null
for count in 2 4; do
  # shellcheck disable=SC2086  # words
  on_both "$count" "$train_mlp" $options --save "$folder/both" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
  cmp "$folder/alone" "$folder/both"
done
echo "2 and 4 ranks on two hosts train to the bits of one process"
