# SPDX-License-Identifier: MIT
#
# What all stores' scripts share; as-user puts it in front of each. A script defines `run`, which ends in becoming the server,
# and `verdict`, which knows what the server's words mean, and ends with `main`.
#
# Exit codes, for the launcher:  69 something is missing or taken: starting again will not help until a person acts
#                                75 the disk is full: starting again helps once there is room
#                                78 the data are damaged: never start again by itself
#                                anything else: the server's own; starting again may help
set -uf # no wildcards: option values are used unquoted
umask 077
LC_ALL=C
export LC_ALL

# dash's echo takes backslashes for its own.
say() { printf '%s\n' "$*"; }

# What the server says last, in one sentence to a person.
fail() { # CODE SENTENCE
    say "store $SHUNT_STORE_NAME: $2" >&2
    exit "$1"
}

# A command that does not outlive this shell, whatever ends it.
tied() { setpriv --pdeathsig KILL -- "$@"; }

move_away="stop shunt, move $SHUNT_STORE_PLACE away (or put a backup in its place), and start again"

need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || fail 69 "$1 is not installed; install the package $2 (./shunt up does it where it may)"
}

# Does anything listen on this address already? Servers say it in pages of their own; here it is one sentence.
need_port() { # PORT
    case $SHUNT_STORE_HOST in
    127.0.0.1) address='(00000000|0100007F|0{32}|0000000000000000FFFF00000100007F)' ;;
    *) address='[0-9A-F]*' ;;
    esac
    if grep -Eqs ": $address:$(printf '%04X' "$1") [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6; then
        fail 69 "port $1 is in use by another program (\`ss -ltnp 'sport = :$1'\` names it); stop that or give this store another port"
    fi
}

# On a full disk servers die in many ways, some by a signal; this much every one of them needs to start.
need_room() {
    set -- $(stat -f -c '%a %S' "$SHUNT_STORE_DIR")
    [ "$(($1 * $2 >> 20))" -ge 32 ] || fail 75 "the disk is full: less than 32 MB are left where $SHUNT_STORE_PLACE lies; make room there"
}

# Calls FUNCTION name value for each of the topology's options of this store.
each_option() { # FUNCTION
    for option in ${SHUNT_STORE_OPTIONS-}; do
        case $option in
        [a-z]*=*) "$1" "${option%%=*}" "${option#*=}" ;;
        *) fail 69 "option '$option' is not name=value" ;;
        esac
    done
}

# Is this option set in the topology?
has_option() { # NAME
    case " ${SHUNT_STORE_OPTIONS-} " in *" $1="*) ;; *) return 1 ;; esac
}

# Replaces every CHARACTER in TEXT; the result is in $replaced. No process, and nothing on a command line.
replace() { # TEXT CHARACTER BY
    replaced='' rest=$1
    while :; do
        case $rest in
        *"$2"*) replaced=$replaced${rest%%"$2"*}$3 rest=${rest#*"$2"} ;;
        *) replaced=$replaced$rest && return ;;
        esac
    done
}

disk_full() { fail 75 "the disk is full; make room where $SHUNT_STORE_PLACE lies"; }

cannot_write() { fail 69 "cannot write to $SHUNT_STORE_PLACE; is the disk full?"; }

# Says in one sentence what a server meant by its words, and exits.
explain() { # WORDS OTHERWISE
    case $1 in
    *"o space left on device"*) disk_full ;;
    *"ddress already in use"*)
        fail 69 "port $SHUNT_STORE_PORT or $SHUNT_STORE_EXTRA_PORT is in use by another program; stop that or give this store others"
        ;;
    esac
    verdict "$1"
    fail 1 "$2"
}

main() { # VERB
    case $1 in
    run)
        # The launcher died while this shell was being started: nobody would ever stop the server.
        [ "$PPID" = "$SHUNT_STORE_PARENT" ] || exit 69
        need_room
        run
        ;;
    explain) explain "$(tail -n 200)" "its server stopped; its last words are in its log" ;;
    *) fail 64 "no such verb '$1': run, explain" ;;
    esac
}
