#compdef envflow
# zsh completion for envflow. Works sourced after compinit, and as a file named _envflow in $fpath.

_envflow() {
    local line tab=$'\t'
    local -a candidates
    for line in "${(@f)$(${(Q)words[1]} __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        # _describe splits name and description at the first colon that is not escaped.
        if [[ $line == *$tab* ]]; then
            candidates+=("${${line%%$tab*}//:/\\:}:${line#*$tab}")
        else
            candidates+=("${line//:/\\:}")
        fi
    done
    if ((${#candidates})); then
        _describe -t envflow envflow candidates
    else
        _files
    fi
}

if [[ ${funcstack[1]-} == _envflow ]]; then
    _envflow "$@"
else
    compdef _envflow envflow
fi
