#!/.tare/busybox sh
# Process 1 in the initramfs: loads the modules, mounts the root and hands over to start.sh inside it.
export PATH=/.tare/bin
. /.tare/job.sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in $boot_modules; do
    insmod "/.tare/modules/$module.ko"
done
[ -z "$disk" ] && exec /.tare/busybox sh /.tare/start.sh

mount -t ext4 "$disk" /.tare/root
cd /.tare/root || exit 1
mkdir -p dev proc sys tmp .tare
mount -t tmpfs tmpfs .tare
mount --move /dev dev
mount --move /proc proc
mount --move /sys sys
cp -a /.tare/busybox /.tare/bin /.tare/modules /.tare/*.sh .tare/
: > /init # switch_root's proof that this is an initramfs
exec switch_root . /.tare/busybox sh /.tare/start.sh
