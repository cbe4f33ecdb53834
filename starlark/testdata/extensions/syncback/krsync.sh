#!/bin/sh
# Runs rsync with kubectl exec as its remote shell: krsync.sh OBJECT CONTAINER NAMESPACE TARGET ARG...
set -eu
object=$1 container=$2 namespace=$3 target=$4
shift 4
exec rsync --blocking-io --rsh="kubectl exec -i ${namespace:+-n $namespace} ${container:+-c $container} $object --" "$@" "$target"
