#!/usr/bin/env bash
# All tests, from a fresh checkout. See --help.
set -Eeuo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'END'
Usage: scripts/test.sh [-k NAME] [-j N] [--all] [--list]

Installs the Debian packages that the tests need (as root, or with sudo), builds the program, then runs these stages:
  lint         make lint; each of its checks counts; without --all it leaves out clang-tidy's analyzer, and says so
  unit         make check: cmocka tests, built with gcc
  asan         make asan: the same with AddressSanitizer and UndefinedBehaviorSanitizer
  handlers     handlers on a real PostgreSQL, without Nginx
  integration  pytest on real Nginx, workers and PostgreSQL, which it starts itself on free ports
  deploy       systemd units, Nginx site, backups, updates and the like; with --all also what takes a Debian of its own: the
               .deb and install.sh in debootstrap trees under a real systemd (root, and 4 GB in /tmp)
  fuzz         every fuzzer for 3 s, with --all for 15 s (FUZZ_SECONDS=N), on its seed corpus
  valgrind     the unit tests under valgrind, of loops that repeat themselves a seventh; only with --all or -k valgrind

They run in three lanes side by side, what mostly computes (lint, unit, asan, fuzz, valgrind; at a lower priority) beside what
mostly waits (handlers, then integration; deploy). They are shown one after another as above: the one at hand as it runs, the
next with all that it printed meanwhile. A stage's seconds are its own; the last line but one has those of the whole run.

With --all, integration includes the faults: workers, PostgreSQL, Redis and clients fail under load, in 2 minutes.
FAULT_SECONDS=60 gives each its full length (10 minutes), CCR_FAULT_REPORT=FILE collects the figures, a line of JSON each.

  -j N        how many tests of a stage run side by side (one more than processors; each has its own ports, folders and database)
  -k NAME     only the stages whose name contains NAME; if there are none, only the tests whose name contains it
  --all       also valgrind, and the tests marked slow
  --list      prints the stages and their tests, runs nothing
  -h, --help  this text

A test that takes longer than TEST_LIMIT seconds (300; marked slow: four times as many) fails, a stage longer than STAGE_LIMIT
(4800) is ended; what was running then is named.

Whatever happens, the last line is "N passed, N failed"; when the run was cut short, the line before it says why. Exit status: 0
when all passed, 1 when one failed or none ran, 2 wrong arguments.
END
}

PACKAGES=("${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" libcmocka-dev python3-pytest python3-pytest-xdist
    python3-pytest-timeout python3-psycopg python3-requests python3-jsonschema python3-fastjsonschema python3-yaml ccache clang clang-format clang-tidy libclang-rt-14-dev lld cppcheck shellcheck valgrind git iproute2
    systemd apache2-bin lighttpd openssl logrotate prometheus redis-server chromium)
STAGES=(lint unit asan handlers integration deploy fuzz valgrind)
# Stages of a lane follow on each other: those that build in the same folder must, and those that compute had better.
LANES=("lint unit asan fuzz valgrind" "handlers integration" "deploy")
COMPUTING=${LANES[0]}
# Of what computes, so that tests with clients and deadlines go first. At 5, a busy machine left it a tenth, and the run waited for it.
NICENESS=2
SLOW_PACKAGES=(buildah debootstrap debhelper lintian) # only with --all
export TEST_LIMIT=${TEST_LIMIT:-300}
STAGE_LIMIT=${STAGE_LIMIT:-4800} # for what hangs outside of a test: what is only slow stays far below
PYTHON=/usr/bin/python3 # Debian's own has the modules; another may come first in PATH

filter='' all='' list='' jobs=$(($(nproc) + 1))
while (($#)); do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    -k)
        [ -n "${2:-}" ] || { usage >&2 && exit 2; }
        filter=$2
        shift
        ;;
    -j)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { usage >&2 && exit 2; }
        jobs=$2
        shift
        ;;
    --all) all=1 ;;
    --list) list=1 ;;
    *)
        printf "test: '%s' is not an argument it knows; see scripts/test.sh --help\n" "$1" >&2
        exit 2
        ;;
    esac
    shift
done

FUZZ_SECONDS=${FUZZ_SECONDS:-$([ -n "$all" ] && echo 15 || echo 3)}

passed=0 failed=0 stage='' finished='' shown=''
scratch=$(mktemp -d)
declare -A lane_of=() # stage -> process id of its lane

# Always the last to speak, whatever ended the run.
# shellcheck disable=SC2317  # called by the trap
conclude() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    if [ -z "$finished" ] && [ -z "$list" ]; then
        end_lanes
        cut_short "${why:-status $status}"
        failed=$((failed + 1))
        say "$passed passed, $failed failed"
        status=1
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap conclude EXIT
for signal in INT TERM HUP; do
    # shellcheck disable=SC2064  # the name of now
    trap "why='signal $signal'; exit 1" "$signal"
done
trap 'why="line $LINENO: $BASH_COMMAND"' ERR

# --- which tests -----------------------------------------------------------------------------------------------------

# Names of the C programs in tests/FOLDER that -k asks for.
programs() {
    local file name
    for file in tests/"$1"/"$2"_*.c; do
        name=$(basename "$file" .c)
        if [ -e "$file" ] && [[ -z $name_filter || $name == *"$name_filter"* ]]; then
            printf '%s\n' "$name"
        fi
    done
}

# Sets stages and name_filter from -k.
choose() {
    local stage
    stages=() name_filter=''
    for stage in "${STAGES[@]}"; do
        if [ -n "$filter" ] && [[ $stage == *"$filter"* ]]; then
            stages+=("$stage")
        fi
    done
    ((${#stages[@]} == 0)) || return 0
    name_filter=$filter
    for stage in "${STAGES[@]}"; do
        case $stage in
        lint) [ -n "$filter" ] || stages+=(lint) ;;
        valgrind) [ -z "$all" ] || stages+=(valgrind) ;;
        *) stages+=("$stage") ;;
        esac
    done
}

list_tests() {
    local stage
    for stage in "${stages[@]}"; do
        say "$stage"
        case $stage in
        unit | asan | valgrind) programs unit test ;;
        handlers) programs handlers test ;;
        fuzz) programs fuzz fuzz ;;
        integration | deploy) "$PYTHON" -m pytest "tests/$stage" "${PYTEST[@]}" -q --collect-only 2>/dev/null | grep '::' || true ;;
        esac | sed 's/^/  /'
    done
}

# --- running and counting --------------------------------------------------------------------------------------------

add() {
    passed=$((passed + $1))
    failed=$((failed + $2))
}

# Runs a command, keeping its output and showing it, but for cmocka's line a test; its status in $status. In the background,
# because bash hears a signal only between commands.
keep() {
    status=0 child=''
    : >"$log"
    (
        set +e
        timeout --kill-after=20 "$STAGE_LIMIT" "$@" 2>&1 </dev/null | tee "$log" | grep --line-buffered -vE '^\[ (RUN|      OK) '
        exit "${PIPESTATUS[0]}"
    ) &
    child=$!
    wait "$child" || status=$?
    child=''
    if ((status == 124 || status == 137)); then
        say "      stage $stage was ended: '$1 ${2:-}' took longer than $STAGE_LIMIT s (STAGE_LIMIT)"
        running_tests
    fi
}

# When the run is cut short: what a lane runs must not go on alone.
end_child() {
    [ -n "${child:-}" ] || return 0
    # shellcheck disable=SC2046  # some numbers
    kill -TERM $(cat "/proc/$child/task/$child/children" 2>/dev/null) 2>/dev/null || true
    wait "$child" 2>/dev/null || true
}

# What had begun and not finished, from what tests/conftest.py and scripts/lint.sh keep.
running_tests() {
    [ ! -s "$state" ] || sed -n 's/^running /      was running: /p' "$state"
}

count_state() {
    [ -s "$state" ] || return 0
    add "$(sed -n 's/^passed //p' "$state")" "$(sed -n 's/^failed //p' "$state")"
}

# Counts what programs with cmocka printed, each after a line "== name". One that printed no count crashed or ran no test.
count_cmocka() {
    local counts
    counts=$(awk -v status="$status" '
        function close_program() { if (name != "" && !counted) { bad++; print "      no test ran in " name > "/dev/stderr" } }
        /^== /                          { close_program(); name = $2; counted = 0 }
        /^\[  PASSED  \] [0-9]+ test/   { good += $4; counted = 1 }
        /^\[  FAILED  \] .*[0-9]+ test\(s\), listed below/ { match($0, /[0-9]+ test\(s\)/); bad += substr($0, RSTART) + 0; counted = 1 }
        END { close_program(); if ((status && !bad) || good + bad == 0) bad++; print good + 0, bad + 0 }' "$log")
    # shellcheck disable=SC2086  # two numbers
    add $counts
}

# scripts/lint.sh prints "ok   NAME" or "FAIL NAME" for each of its checks, and keeps the one at hand as tests/conftest.py does.
stage_lint() {
    local good bad
    CCR_TEST_STATE=$state keep make --no-print-directory lint LINT_WITHOUT="$([ -n "$all" ] || echo analyzer)"
    good=$(grep -c '^ok   ' "$log" || true)
    bad=$(grep -c '^FAIL ' "$log" || true)
    ((bad || (status == 0 && good))) || bad=1
    add "$good" "$bad"
    rm -f "$state"
}

# make_tests TARGET FOLDER PREFIX [SETTING]: a make target with all of its programs, or those that -k asks for. With -k the
# variable that names them is replaced; it holds a reference to the build folder, which make expands.
make_tests() {
    local variable names=() paths only=()
    variable=$(case $2 in unit) echo UNIT_TESTS ;; handlers) echo HANDLER_TESTS ;; fuzz) echo FUZZERS ;; esac)
    mapfile -t names < <(programs "$2" "$3")
    ((${#names[@]})) || return 1
    if [ -n "$name_filter" ]; then
        printf -v paths "\$(BUILD)/$2/%s " "${names[@]}"
        only=("$variable=$paths")
    fi
    keep make --no-print-directory -j "$(nproc)" "$1" "${only[@]}" "${@:4}"
}

stage_unit() { ! make_tests check unit test || count_cmocka; }
stage_asan() { ! make_tests asan unit test || count_cmocka; }

stage_handlers() {
    local names=()
    make_tests handlers handlers test || return 0
    mapfile -t names < <(programs handlers test)
    if ((status == 0)); then
        keep make --no-print-directory -j "$(nproc)"
    fi
    if ((status)); then
        add 0 1
        return 0
    fi
    keep "$PYTHON" tests/integration/stack.py with-database scripts/run-programs.sh -j 1 "${names[@]/#/build/handlers/}"
    count_cmocka
}

stage_integration() { run_pytest tests/integration ${all:+--all}; }

# Its conftest.py takes CCR_TEST_ALL instead of --all, and deselects instead of skipping.
stage_deploy() {
    export CCR_TEST_ALL=${all:-0}
    run_pytest tests/deploy
}

# Counts are what tests/conftest.py wrote down, so that they are there however pytest ends.
run_pytest() {
    local before=$((passed + failed)) failed_before=$failed
    keep make --no-print-directory -j "$(nproc)"
    if ((status)); then
        add 0 1
        return 0
    fi
    rm -f "$state"
    export CCR_TEST_STATE=$state CCR_TEST_LIMIT=$TEST_LIMIT
    keep "$PYTHON" -m pytest "$@" "${PYTEST[@]}" -n "$jobs" --dist loadfile -q -ra --tb=short --durations=5
    if ((status == 5)) && [ -n "$name_filter" ]; then
        return 0 # none of that name
    fi
    count_state
    if ((failed == failed_before && (status != 0 || passed + failed == before))); then
        say "      pytest ended with status $status"
        running_tests
        add 0 1
    fi
    rm -f "$state"
}

stage_fuzz() {
    local wanted good
    make_tests fuzz fuzz fuzz FUZZ_SECONDS="$FUZZ_SECONDS" || return 0
    wanted=$(programs fuzz fuzz | wc -l)
    good=$(grep -cE '^fuzz_[a-z0-9_]+: [0-9]+ runs' "$log" || true)
    add "$good" $((wanted - good))
}

stage_valgrind() { ! make_tests valgrind unit test || count_cmocka; }

# --- lanes -----------------------------------------------------------------------------------------------------------

# enter STAGE: its folder, where everything that it leaves behind stands.
enter() {
    stage=$1 folder=$scratch/$1 passed=0 failed=0
    log=$folder/log state=$folder/state
    mkdir -p "$folder"
}

# A process of its own: runs the chosen stages of its lane, each into its folder: what it prints to `out`, at the end what came of
# it to `result`: passed, failed, seconds.
run_lane() {
    local began
    trap - EXIT INT HUP ERR
    trap 'end_child; exit 1' TERM
    [ "$1" != "$COMPUTING" ] || renice -n "$NICENESS" "$BASHPID" >/dev/null
    for stage in $1; do
        if [[ " ${stages[*]} " != *" $stage "* ]]; then
            continue
        fi
        enter "$stage"
        began=$SECONDS
        "stage_$stage" >"$folder/out" 2>&1
        if ((passed + failed == 0)) && [ -z "$name_filter" ]; then
            say "no test ran" >>"$folder/out"
            add 0 1
        fi
        say "$passed $failed $((SECONDS - began))" >"$folder/partial"
        mv "$folder/partial" "$folder/result"
    done
}

start_lanes() {
    local lane one
    for lane in "${LANES[@]}"; do
        run_lane "$lane" &
        for one in $lane; do
            lane_of[$one]=$!
        done
    done
}

# Ends them, and waits until they have.
end_lanes() {
    if ((${#lane_of[@]})); then
        kill -TERM "${lane_of[@]}" 2>/dev/null || true
        wait "${lane_of[@]}" 2>/dev/null || true
    fi
    end_child
}

# show_stage STAGE: what it prints until it has a result, or its lane ended without one; then its counts.
show_stage() {
    local folder=$scratch/$1 lane=${lane_of[$1]}
    say "${BOLD}== stage $1${PLAIN}"
    while [ ! -e "$folder/out" ] && kill -0 "$lane" 2>/dev/null; do
        sleep 0.2
    done
    if [ -e "$folder/out" ]; then
        exec 5<"$folder/out"
        while [ ! -e "$folder/result" ] && kill -0 "$lane" 2>/dev/null; do
            cat <&5 # from where it stopped
            sleep 0.2
        done
        cat <&5
    fi
    shown+=" $1"
    take_result "$1"
}

take_result() {
    local good=0 bad=1 seconds=0
    if ! read -r good bad seconds 2>/dev/null <"$scratch/$1/result"; then
        good=0 bad=1
        say "      stage $1 ended without a result"
    fi
    add "$good" "$bad"
    say "${BOLD}== stage $1: $good passed, $bad failed, $seconds s${PLAIN}"
}

# What the stages had come to that were not shown to their end.
cut_short() {
    local one open=() names
    for one in "${stages[@]}"; do
        if [[ " $shown " == *" $one "* || ! -e $scratch/$one/out ]]; then
            continue
        fi
        if [ "$one" = "$stage" ]; then
            cat <&5
        else
            say "${BOLD}== stage $one${PLAIN}"
            cat "$scratch/$one/out"
        fi
        if [ -e "$scratch/$one/result" ]; then
            take_result "$one"
        else
            open+=("$one")
        fi
    done
    printf -v names ', %s' "${open[@]}"
    say "cut short${open[*]:+ in stage ${names:2}}: $1 in $SECONDS s"
    for one in "${open[@]}"; do
        state=$scratch/$one/state
        count_state
        running_tests
    done
}

choose
PYTEST=(-p no:cacheprovider ${name_filter:+-k "$name_filter"})
if [ -n "$list" ]; then
    list_tests
    exit 0
fi
say "${BOLD}== packages${PLAIN}"
need_space 500 "$ROOT"
mkdir -p build
if [ -n "$all" ]; then
    need_space 4000 /tmp
    PACKAGES+=("${SLOW_PACKAGES[@]}")
fi
command -v npm >/dev/null || PACKAGES+=(nodejs npm)
install_packages build/test-packages.log "${PACKAGES[@]}"
# Quickstart and the .deb build the same sources once more, elsewhere: what the run has compiled with the same flags is not compiled again.
export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=${CCACHE_DIR:-$ROOT/build/ccache} CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 CCACHE_MAXSIZE=1G
export CCACHE_IGNOREOPTIONS='-ffile-prefix-map=*' # the folders that packages are built in
export OPTIMIZE='-O2 -g1'                         # the same code as by default; names and lines for backtraces take a third less time
if [ "${stages[*]}" != lint ]; then # which builds by itself
    say "${BOLD}== build${PLAIN}"
    enter build
    keep make --no-print-directory -j "$(nproc)"
    if ((status)); then
        finished=1
        say "0 passed, 1 failed"
        exit 1
    fi
    stage=''
fi
start_lanes
for stage in "${stages[@]}"; do
    show_stage "$stage"
done
finished=1
say "$SECONDS s"
say "$passed passed, $failed failed"
((failed == 0 && passed > 0))
