# SPDX-License-Identifier: Apache-2.0
# Sourced by ci's programs: run a named part with its log, its progress and its time.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/logs
debian_python=/usr/bin/python3  # the one that ci/install's Python packages are for
mkdir -p "$logs"
part_names=() part_seconds=() part_results=()

# Says every few seconds what a part's log says last. On a terminal it rewrites one line.
show_progress() {
  local log=$1 period=15 shown="" line never
  [ -t 1 ] && period=1
  exec {never}<> <(:)
  while true; do
    read -r -t "$period" -u "$never" || true
    line=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | sed -n '/[^[:space:]]/p' | tail -n 1 | cut -c1-100 | tr -d '\033')
    [ "$line" = "$shown" ] && continue
    shown=$line
    if [ -t 1 ]; then printf '\r\033[K    %s' "$line"; else printf '    %s\n' "$line"; fi
  done
}

# part NAME 'how long it takes' COMMAND…: its output goes to build/logs/NAME.log; a failure shows the log's end.
part() {
  local name=$1 duration=$2 start=$SECONDS status=0 ticker
  shift 2
  echo "==> $name ($duration)"
  : >"$logs/$name.log"
  show_progress "$logs/$name.log" &
  ticker=$!
  # shellcheck disable=SC2064  # this very ticker, also when interrupted
  trap "kill $ticker 2>/dev/null" EXIT
  "$@" >"$logs/$name.log" 2>&1 </dev/null || status=$?
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  trap - EXIT
  if [ -t 1 ]; then printf '\r\033[K'; fi
  part_names+=("$name") part_seconds+=($((SECONDS - start))) part_results+=("$status")
  if [ "$status" != 0 ]; then
    tail -n "${AINODE_CI_TAIL:-60}" "$logs/$name.log" | sed 's/^/    /'
  fi
  echo "    $name: $([ "$status" = 0 ] && echo "done" || echo "FAILED, exit $status"), $((SECONDS - start)) s; log: ${logs#"$PWD"/}/$name.log"
  return "$status"
}

show_times() {
  local i
  printf '%-22s %8s  %s\n' part seconds result
  for i in "${!part_names[@]}"; do
    printf '%-22s %8d  %s\n' "${part_names[$i]}" "${part_seconds[$i]}" \
      "$([ "${part_results[$i]}" = 0 ] && echo "done" || echo "exit ${part_results[$i]}")"
  done
}

# Not a part: sudo may have to ask for a password, so this one keeps the terminal.
install_packages() {
  local start=$SECONDS status=0
  echo "==> install (seconds, or minutes the first time)"
  "$root/ci/install" 2>&1 | tee "$logs/install.log" || status=${PIPESTATUS[0]}
  part_names+=(install) part_seconds+=($((SECONDS - start))) part_results+=("$status")
  return "$status"
}

# accept_stale_metadata PROGRAM RECIPE…: for this run, take the metadata of an archive that was frozen past its
# Valid-Until. Only where these recipes meet it so; everywhere else expired metadata stays an error.
accept_stale_metadata() {
  local stale
  stale=$("$root/ci/stale" "$@")
  [ -n "$stale" ] || return 0
  export AINODE_ACCEPT_STALE=${AINODE_ACCEPT_STALE:+$AINODE_ACCEPT_STALE,}$stale
  echo "==> metadata past its Valid-Until is accepted in this run, of: $stale"
}

# compile_fuzz: the fuzz targets, which clang compiles into a directory of their own.
compile_fuzz() {
  cmake -S "$root/tests/fuzz" -B "$root/build/fuzz" -G Ninja -DCMAKE_CXX_COMPILER=clang++ &&
    cmake --build "$root/build/fuzz" -j "$(nproc)"
}

# configure_and_compile PRESET [TARGET]: without a target, programs and tests.
configure_and_compile() {
  cmake --preset "$1" -S "$root" && cmake --build "$root/build/$1" -j "$(nproc)" --target "${2:-all}"
}
