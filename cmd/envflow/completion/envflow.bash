# bash completion for envflow. Needs no bash-completion package and runs on bash 3.2 and later.

_envflow() {
    local cur="" word="" candidate
    local -a words=()
    local i

    # Bash breaks words at = and :, so --output=json arrives as three. Put them together again.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        [=:]*) word+=${COMP_WORDS[i]} ;;
        *)
            case $word in
            *[=:]) word+=${COMP_WORDS[i]} ;;
            *)
                if ((i > 1)); then words+=("$word"); fi
                word=${COMP_WORDS[i]}
                ;;
            esac
            ;;
        esac
    done
    words+=("$word")

    # Only what stands behind the last break is replaced, so only that may be in the reply.
    cur=${COMP_WORDS[COMP_CWORD]}
    case $cur in [=:]) cur="" ;; esac
    local keep=${word%"$cur"}

    local program=${COMP_WORDS[0]}
    case $program in "~/"*) program=$HOME/${program#"~/"} ;; esac

    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        COMPREPLY+=("${candidate#"$keep"}")
    done < <("$program" __complete -- "${words[@]}" 2>/dev/null)
}

# With no candidates bash offers files.
complete -o default -F _envflow envflow
