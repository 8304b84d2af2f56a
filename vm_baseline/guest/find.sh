# find_program PATH NAME: where the image's own program of that name lies; never one of ours.
find_program() {
    case $2 in */*) echo "$2"; return ;; esac
    IFS=:
    for directory in $1; do
        [ -f "$directory/$2" ] && [ -x "$directory/$2" ] && { echo "$directory/$2"; return; }
    done
    echo "$2: not found in the image" >&2
    return 127
}
