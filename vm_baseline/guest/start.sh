# Process 1 in the final root: network, the ready line, then the payload whose end is the guest's end,
# or the image's own init.
. /.tare/job.sh
ip link set lo up
if [ -n "$address" ]; then
    echo 1 > /proc/sys/net/ipv4/conf/all/arp_notify # so that nobody asks an earlier owner of the address
    ip address add "$address" broadcast + dev eth0
    ip link set eth0 up
    [ -n "$gateway" ] && ip route add default via "$gateway"
fi
[ -n "$hold" ] || echo "$nonce:ready"
if [ -e /.tare/payload.sh ]; then
    sh /.tare/payload.sh < /dev/null &
    payload=$!
fi
sh /.tare/agent.sh < /dev/null > /dev/null 2>&1 &
[ -n "$init" ] && exec env -i "$init"
wait $payload
echo "$nonce:exit $?"
poweroff -f
