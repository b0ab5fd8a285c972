"""The machine itself: services, disks, users, processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_terminal.rules.program import Program, Table, commands

if TYPE_CHECKING:
    from hermes_terminal.rules.case import Case
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS"]

_OFF = "It shuts the machine down or restarts it."
_DISK = "It changes disks or file systems."
_USERS = "It changes users, groups or passwords."
_FIREWALL = "It changes the firewall or the network."
_KERNEL = "It changes the running kernel."
_SERVICE = "It changes services of the machine."
_MANY = "It ends every process of a name, also those of others."
_LATER = "It changes what runs by itself later."


def _make_filesystem(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest:
        for path in case.paths(word):
            if path.startswith("/dev/"):
                case.deny(f"It formats {word.text!r}: everything on it would be lost.")


def _ip(case: Case, arguments: Arguments) -> None:
    words = [word.text for word in arguments.rest]
    if len(words) > 1 and words[1] not in ("show", "list", "ls", "get", "s", "l"):
        case.ask(_FIREWALL)


def _sysctl(case: Case, arguments: Arguments) -> None:
    if any("=" in word.text for word in arguments.rest):
        case.ask(_KERNEL)


PROGRAMS: Table = {
    "shutdown reboot halt poweroff init telinit": Program(always=_OFF),
    "systemctl": Program(
        valued="-t --type -p --property -H --host -M",
        commands=commands(
            "status list-units list-unit-files list-timers list-sockets list-dependencies show cat "
            "is-active is-enabled is-failed help show-environment get-default --version",
            poweroff=_OFF,
            reboot=_OFF,
            halt=_OFF,
            kexec=_OFF,
            suspend=_OFF,
            hibernate=_OFF,
        ),
        asks=dict.fromkeys(("-H", "--host", "-M", "--machine"), "It reaches another machine."),
        other=_SERVICE,
    ),
    "service rc-service launchctl sv supervisorctl initctl chkconfig update-rc.d loginctl": Program(always=_SERVICE),
    "crontab": Program(
        asks={"-r": "It deletes all planned jobs."},
        then=lambda case, arguments: None if arguments.given("-l") else case.ask(_LATER),
    ),
    "mkfs mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat mkfs.fat mkfs.ntfs mkfs.f2fs mke2fs "
    "mkswap newfs newfs_apfs wipefs blkdiscard": Program(always=_DISK, valued="-t -L -U -b -N", then=_make_filesystem),
    "fdisk sfdisk cfdisk gdisk sgdisk parted partprobe mount umount losetup swapon swapoff fsck e2fsck "
    "tune2fs resize2fs hdparm smartctl cryptsetup lvremove vgremove pvremove lvcreate vgcreate pvcreate "
    "lvresize mdadm zfs zpool btrfs diskutil format nvme fstrim": Program(always=_DISK),
    "useradd userdel usermod adduser deluser addgroup delgroup groupadd groupdel groupmod passwd chpasswd "
    "gpasswd chsh chfn visudo vipw newusers dscl": Program(always=_USERS),
    "iptables ip6tables nft ufw firewall-cmd pfctl ipset ebtables tc brctl": Program(always=_FIREWALL),
    "ip": Program(then=_ip),
    "modprobe insmod rmmod depmod kexec dkms": Program(always=_KERNEL),
    "lsmod modinfo": Program(),
    "sysctl": Program(asks=dict.fromkeys(("-w", "--write", "-p", "--load", "--system"), _KERNEL), then=_sysctl),
    "pkill killall killall5 skill xkill fuser": Program(always=_MANY),
    "timedatectl localectl hostnamectl hwclock ntpdate": Program(always="It changes settings of the machine."),
    "update-alternatives alternatives update-grub grub-install ldconfig update-initramfs": Program(
        always="It changes settings of the machine."
    ),
    "defaults csrutil nvram spctl pmset softwareupdate reg regedit sc net schtasks bcdedit": Program(
        always="It changes settings of the machine."
    ),
    "setenforce semanage aa-disable auditctl": Program(always="It changes how the machine is protected."),
    "xdg-open open start": Program(always="It opens something in another program."),
    "logrotate": Program(always="It changes logs of the machine."),
    "hermes": Program(
        commands=commands("--version --help version doctor status"),
        other="It changes the agent itself or starts another one.",
        bare="It starts another agent.",
    ),
    "claude codex gemini aider goose opencode llm": Program(always="It starts another agent."),
    "say notify-send osd_cat wall write mesg": Program(always="It shows something to people at the machine."),
    "pbcopy pbpaste xclip xsel wl-copy wl-paste": Program(always="It reads or changes the clipboard."),
    "screencapture scrot import": Program(always="It takes a picture of the screen."),
}
