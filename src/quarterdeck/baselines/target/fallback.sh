# The collector for systems without Python: sh, find, stat, sha256sum or openssl; GNU and busybox. Writes nothing.
# Of each batch of paths: facts before, digests, facts after, targets of links, names; the names end with a NUL.
LC_ALL=C
export LC_ALL
mode=$1
shift
if command -v sha256sum >/dev/null 2>&1; then qd_hash='sha256sum'; else qd_hash='openssl dgst -sha256 -r'; fi
$qd_hash </dev/null >/dev/null || { echo 'neither sha256sum nor openssl is here' >&2; exit 3; }
case $(stat -c %.9Y / 2>/dev/null) in
    *[!0-9.]* | '') qd_facts='%f %u %g %h %s %Y.000000000 %Z.000000000 %i %t %T' ;;
    *.?????????) qd_facts='%f %u %g %h %s %.9Y %.9Z %i %t %T' ;;
    *) qd_facts='%f %u %g %h %s %Y.000000000 %Z.000000000 %i %t %T' ;;
esac
export qd_hash qd_facts
echo "quarterdeck-fallback-1 $mode"
for root; do printf 'A %s\n' "$root"; done
echo "system $(uname -s -r -m)"
echo "uid $(id -u)"
echo "started $(date +%s)"
digest() { $qd_hash <"$1" 2>/dev/null | cut -c1-64; }
case $mode in
manifest)
    for root; do
        # A root that is not there has a batch of its own: its absence is a fact too.
        if [ ! -e "$root" ] && [ ! -L "$root" ]; then printf 'M %s\n' "$root"; continue; fi
        find "$root" -xdev -exec sh -c '
            facts() {
                told=$(stat -c "$qd_facts" -- "$@" 2>/dev/null)
                if [ "$(printf "%s\n" "$told" | wc -l)" -eq $# ]; then printf "%s\n" "$told"; return; fi
                for path; do stat -c "$qd_facts" -- "$path" 2>/dev/null || echo E; done
            }
            echo "B $#"
            facts "$@"
            for path; do
                if [ -L "$path" ] || [ ! -f "$path" ]; then echo -; continue; fi
                told=$($qd_hash <"$path" 2>/dev/null | cut -c1-64)
                echo "${told:-E}"
            done
            facts "$@"
            for path; do
                if [ -L "$path" ]; then readlink "$path" 2>/dev/null; fi
                printf "\0"
            done
            for path; do printf "%s\0" "$path"; done
        ' sh {} + 2>/dev/null
    done
    ;;
posture)
    for path in passwd group shadow sudoers ssh/sshd_config crypttab fstab crontab; do
        if [ -r "/etc/$path" ]; then echo "F etc.$path $(digest "/etc/$path")"; else echo "F etc.$path"; fi
    done
    echo "F kernel $(uname -r -v -m)"
    echo "F fips $(cat /proc/sys/crypto/fips_enabled 2>/dev/null)"
    sort /proc/self/mounts 2>/dev/null | while read -r line; do printf 'L mounts %s\n' "$line"; done
    for table in tcp tcp6; do
        while read -r _ local _ state _; do
            [ "$state" = 0A ] && echo "L sockets $table $local"
        done <"/proc/net/$table"
    done 2>/dev/null | sort
    ;;
*) echo "the collector's modes are manifest and posture" >&2; exit 2 ;;
esac
echo "finished $(date +%s)"
