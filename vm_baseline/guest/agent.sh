# Runs commands for the host. A request is "run ID SCRIPT_BYTES STDIN_BYTES" and the bytes, "kill ID" or "stop".
# A reply is "ID STATUS STDOUT_BYTES STDERR_BYTES" and the bytes; the token in the fifo keeps replies whole.
. /.tare/job.sh
for module in $agent_modules; do
    insmod "/.tare/modules/$module.ko"
done
mkdir -p /.tare/run
cd /.tare/run || exit 1
mkfifo token
# The driver makes the port a moment after it was loaded, when the device has answered.
until (: <> "$1") 2> /dev/null; do set -- /dev/vport*p1; done
exec 3<> "$1" 4<> token
echo > token
echo hello >&3

take() { [ "$1" -gt 0 ] && dd bs="$1" count=1 iflag=fullblock <&3; }

serve() {
    (cd / && exec setsid sh "/.tare/run/$1.sh" 3<&- 4<&-) < "$1.in" > "$1.out" 2> "$1.err"
    status=$?
    read -r _ <&4
    echo "$1 $status $(stat -c %s "$1.out") $(stat -c %s "$1.err")" >&3
    cat "$1.out" "$1.err" >&3
    echo >&4
    rm -f "$1".*
}

while read -r verb id script_bytes stdin_bytes <&3; do
    case $verb in
        run)
            take "$script_bytes" > "$id.sh"
            take "$stdin_bytes" > "$id.in"
            serve "$id" &
            ;;
        kill) kill -9 "-$(cat "$id.pid")" ;;
        stop) poweroff -f ;;
    esac
done
