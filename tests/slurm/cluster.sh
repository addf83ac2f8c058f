#!/usr/bin/env bash
# A real SLURM cluster of one node with eight pretend GPUs, for the tests; needs root and Debian's packages
# munge, slurmctld, slurmd and slurm-client, and no systemd.
#
#     tests/slurm/cluster.sh start | stop
#
# Everything lies in $SLURM_TEST_DIR but the configuration: SLURM is only found by all of its parts if
# that is in /etc/slurm. A configuration that is not ours is never touched.
set -euo pipefail

DIR=${SLURM_TEST_DIR:-/var/tmp/gahb-slurm}
CONF=/etc/slurm/slurm.conf
MARK="# Of tests/slurm/cluster.sh"
HOST=$(hostname -s)

ours() { [ ! -e $CONF ] || grep -qx "$MARK" $CONF; }

wait_for() { # seconds, command: until it succeeds
    local tenths=$(($1 * 10))
    shift
    for _ in $(seq "$tenths"); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "gave up on: $*" >&2
    return 1
}

configure() {
    mkdir -p "$DIR"/{state,spool} /etc/slurm
    for i in {0..7}; do # as GPUs, more of /dev/null: with device files SLURM hands out which one
        [ -c "$DIR/gpu$i" ] || mknod -m 666 "$DIR/gpu$i" c 1 3
    done
    echo "NodeName=$HOST Name=gpu File=$DIR/gpu[0-7]" >/etc/slurm/gres.conf
    # More CPUs than there are, so that small jobs run side by side. A job over its memory is killed
    # without cgroups, which a container may lack. A requeued job starts again after cred_expire.
    cat >$CONF <<END
$MARK
ClusterName=tests
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
AuthInfo=cred_expire=5
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool
SlurmctldPidFile=$DIR/slurmctld.pid
SlurmdPidFile=$DIR/slurmd.pid
SlurmctldLogFile=$DIR/slurmctld.log
SlurmdLogFile=$DIR/slurmd.log
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
TaskPlugin=task/none
ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,NoShared
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0,batch_sched_delay=0
ReturnToService=2
SlurmdTimeout=5
GresTypes=gpu
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000 Gres=gpu:8 State=UNKNOWN
PartitionName=cpu Nodes=$HOST Default=YES MaxTime=1-0
PartitionName=gpu Nodes=$HOST MaxTime=1-0
END
}

start_munge() {
    munge --no-input && return
    install -d -o munge -g munge -m 0755 /run/munge
    install -d -o munge -g munge -m 0700 /etc/munge /var/lib/munge /var/log/munge
    if [ ! -s /etc/munge/munge.key ]; then
        head -c 128 /dev/urandom >/etc/munge/munge.key
        chown munge:munge /etc/munge/munge.key
        chmod 400 /etc/munge/munge.key
    fi
    runuser -u munge -- /usr/sbin/munged
    cp /run/munge/munged.pid "$DIR"
}

node_is_up() { sinfo --noheader --format=%T | grep -Eq "^(idle|mixed|allocated)$"; }

start() {
    ours || { echo "$CONF is of another cluster" >&2; exit 1; }
    configure
    start_munge &>/dev/null
    slurmctld
    wait_for 20 sh -c 'scontrol ping | grep -q " UP"'
    slurmd
    wait_for 20 node_is_up
}

stop_daemon() { # by the process id that it wrote
    [ -s "$DIR/$1.pid" ] || return 0
    local pid
    pid=$(cat "$DIR/$1.pid")
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ]; then
        kill "$pid"
        # It has ended when it is gone, or when only a parent that does not wait for it is missing.
        wait_for 20 sh -c "! grep -q '^State:.[^Z]' /proc/$pid/status" || kill -9 "$pid"
    fi
    rm -f "$DIR/$1.pid"
}

stop() {
    ours || exit 1
    if [ -s "$DIR/slurmctld.pid" ]; then
        timeout 10 scancel --user=root || true
        wait_for 20 sh -c '[ -z "$(squeue --noheader)" ]' || true
    fi
    for daemon in slurmd slurmctld munged; do stop_daemon $daemon; done
    rm -rf "$DIR" $CONF /etc/slurm/gres.conf
}

case ${1:-} in
start) start ;;
stop) stop ;;
*) sed -n '2,8s/^# \?//p' "$0" >&2; exit 2 ;;
esac
