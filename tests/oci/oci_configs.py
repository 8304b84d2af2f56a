"""A valid configuration that uses every field, and changes to it."""

import json
from typing import Any

MISSING = object()
MAPPINGS = [{"containerID": 0, "hostID": 100000, "size": 65536}]
HOOK = {"path": "/bin/hook", "args": ["hook", "x"], "env": ["A=b"], "timeout": 5}
HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
THROTTLE = [{"major": 8, "minor": 0, "rate": 1 << 40}]
FULL: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "box",
    "domainname": "example.org",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {
            "destination": "/data",
            "source": "/srv",
            "options": ["rbind", "rro", "ridmap"],
            "uidMappings": MAPPINGS,
            "gidMappings": MAPPINGS,
        },
    ],
    "process": {
        "terminal": True,
        "consoleSize": {"height": 25, "width": 80},
        "user": {"uid": 1000, "gid": 1000, "umask": 0o22, "additionalGids": [5, 6]},
        "args": ["sh", "", "-c", "true"],
        "env": ["PATH=/bin", "EMPTY=", "TWO=a=b"],
        "cwd": "/",
        "capabilities": {
            "bounding": ["CAP_KILL"],
            "effective": ["CAP_KILL"],
            "permitted": ["CAP_KILL"],
            "inheritable": [],
            "ambient": [],
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": (1 << 64) - 1}],
        "apparmorProfile": "unconfined",
        "selinuxLabel": "system_u:system_r:container_t:s0",
        "noNewPrivileges": True,
        "oomScoreAdj": -10,
        "scheduler": {
            "policy": "SCHED_FIFO",
            "priority": 10,
            "nice": 0,
            "flags": ["SCHED_FLAG_RESET_ON_FORK"],
            "runtime": 0,
            "deadline": 0,
            "period": 0,
        },
        "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 4},
        "execCPUAffinity": {"initial": "7", "final": "0-3,7"},
    },
    "hooks": {name: [HOOK] for name in HOOKS},
    "annotations": {"com.example.key": "", "org.example": "value"},
    "linux": {
        "namespaces": [
            {"type": kind} for kind in ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
        ],
        "uidMappings": MAPPINGS,
        "gidMappings": MAPPINGS,
        "timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 7}, "boottime": {"secs": 1}},
        "devices": [
            {
                "type": "c",
                "path": "/dev/fuse",
                "major": 10,
                "minor": 229,
                "fileMode": 438,
                "uid": 0,
                "gid": 0,
            },
            {"type": "p", "path": "/run/pipe"},
        ],
        "netDevices": {"eth7": {"name": "eth0"}, "eth8": {}},
        "cgroupsPath": "/tare/box",
        "resources": {
            "devices": [
                {"allow": False},
                {"allow": True, "type": "c", "major": -1, "minor": 3, "access": "rwm"},
            ],
            "memory": {
                "limit": -1,
                "reservation": 1,
                "swap": -1,
                "kernel": -1,
                "kernelTCP": -1,
                "swappiness": 100,
                "disableOOMKiller": False,
                "useHierarchy": True,
                "checkBeforeUpdate": True,
            },
            "cpu": {
                "shares": 1024,
                "quota": 100000,
                "burst": 100000,
                "period": 100000,
                "realtimeRuntime": 1,
                "realtimePeriod": 1,
                "cpus": "0-3,7",
                "mems": "0",
                "idle": 1,
            },
            "blockIO": {
                "weight": 10,
                "leafWeight": 10,
                "weightDevice": [{"major": 8, "minor": 0, "weight": 500}],
                "throttleReadBpsDevice": THROTTLE,
                "throttleWriteBpsDevice": THROTTLE,
                "throttleReadIOPSDevice": THROTTLE,
                "throttleWriteIOPSDevice": THROTTLE,
            },
            "hugepageLimits": [{"pageSize": "2MB", "limit": 9223372036854772000}],
            "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
            "pids": {"limit": 100},
            "rdma": {"mlx5_1": {"hcaHandles": 3}},
            "unified": {"io.max": "259:0 rbps=2097152"},
        },
        "rootfsPropagation": "slave",
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "architectures": ["SCMP_ARCH_X86_64"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/run/agent.sock",
            "listenerMetadata": "x",
            "syscalls": [
                {
                    "names": ["personality"],
                    "action": "SCMP_ACT_TRACE",
                    "errnoRet": 1,
                    "args": [{"index": 0, "value": (1 << 64) - 1, "valueTwo": 0, "op": "SCMP_CMP_EQ"}],
                }
            ],
        },
        "sysctl": {
            "net.ipv4.ip_forward": "1",
            "net/ipv4/conf/eth0.100/forwarding": "1",
            "kernel.shmmax": "1",
            "kernel.domainname": "x",
            "fs.mqueue.msg_max": "1",
            "user.max_pid_namespaces": "9",
        },
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "mountLabel": "x",
        "personality": {"domain": "LINUX32", "flags": []},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]},
    },
}


_FULL_TEXT = json.dumps(FULL)


def changed(*changes: tuple[str, Any]) -> Any:
    """FULL with other values at paths such as `process/args/0`; MISSING takes the member away."""
    config: Any = json.loads(_FULL_TEXT)
    for path, value in changes:
        change(config, path, value)
    return config


def change(config: Any, path: str, value: Any) -> None:
    """Change one place; KeyError, IndexError, TypeError or ValueError where there is no such place."""
    *parents, last = path.split("/")
    node: Any = config
    for name in parents:
        node = node[int(name) if isinstance(node, list) else name]
    place = int(last) if isinstance(node, list) else last
    if value is MISSING:
        del node[place]
    else:
        node[place] = value
