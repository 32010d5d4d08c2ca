#!/usr/bin/env bash
# clang-tidy on one file, quiet unless it finds something. Usage: scripts/tidy-one.sh FLAG... FILE
# CHECKS takes from those of .clang-tidy: -NAME,...
file=${*: -1}
case $file in
*.cc) standard=c++17 ;;
*) standard=gnu17 ;;
esac
output=$(clang-tidy --quiet ${CHECKS:+"--checks=$CHECKS"} "$file" -- "${@:1:$#-1}" "-std=$standard" 2>&1) || {
    grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? generated|^Suppressed|^Use -header-filter' <<<"$output"
    exit 1
}
