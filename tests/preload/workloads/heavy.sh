# bash: arrays, parameter expansion, recursion, subshells, here documents, traps, process
# substitution. What it prints depends on nothing but this file.
set -euo pipefail

declare -A count
declare -a list
state=12345

random() {  # sets REPLY to a number below $1
  state=$(((state * 1103515245 + 12345) & 0x7fffffff))
  REPLY=$(((state >> 8) % $1))
}

for ((i = 0; i < 40000; ++i)); do
  random 3000
  key=key-$REPLY
  count[$key]=$((${count[$key]:-0} + 1))
  list+=("$key:$i")
  if ((i % 7 == 0)); then
    unset "list[$((${#list[@]} / 2))]"
    unset "count[$key]"
  fi
done
for key in "${!count[@]}"; do
  printf '%s=%s\n' "$key" "${count[$key]}"
done | sort | cksum
printf '%s\n' "${list[@]}" | cksum

text=
for ((i = 0; i < 4000; ++i)); do
  text+="word$((i % 101)) "
done
printf '%s %s %s\n' "${#text}" "${text//word/W}" "${text^^}" | cksum
[[ $text =~ (word1[0-9] )+(word2[0-9] )+ ]] && printf '%s\n' "${#BASH_REMATCH[0]}"
words=($text)
printf '%s %s\n' "${#words[@]}" "${words[*]:100:5}"

fibonacci() {
  local n=$1
  if ((n < 2)); then
    echo "$n"
  else
    echo $(($(fibonacci $((n - 1))) + $(fibonacci $((n - 2)))))
  fi
}
fibonacci 11

deep() {
  local -a held=("$@" "level $#")
  if (($# < 150)); then
    deep "${held[@]}"
  else
    printf '%s\n' "${held[@]}" | cksum
  fi
}
deep start

while read -r left right; do
  printf '%s/%s ' "$left" "$right"
done < <(paste -d ' ' <(seq 1 5) <(seq 5 -1 1))
echo
for ((i = 0; i < 300; ++i)); do
  cat <<END
line $i of $(echo "$((i * i))")
END
done | cksum
(
  trap 'echo trapped' EXIT
  exit 3
) || echo "status $?"
eval "$(for ((i = 0; i < 500; ++i)); do echo "f$i() { local x=$i; echo \$((x + \$1)); }"; done)"
f17 25
declare -f | cksum
