# Pipelines of several programs over one channel, for sh. Each part prints one line.
# To try it: sh pipelines.sh, with `narrows` in PATH.

# Two writers and two readers, which a pipe would have torn: every line arrives whole, and once. The first sender keeps the
# channel until both others are done; when it leaves, the readers end.
mkfifo gate
narrows send lines < gate & keeper=$!
narrows recv lines > one & first=$!
narrows recv lines > two & second=$!
exec 3> gate
seq 1 500 | narrows send lines & a=$!
seq 501 1000 | narrows send lines & b=$!
wait $a $b
exec 3>&-
wait $keeper $first $second
echo "$(sort -n one two | uniq | wc -l | tr -d ' ') lines, each once"

# Jobs for a few workers. One whose worker fails, or is killed, is done by another: here the first worker fails on its first job.
seq 20 | narrows send jobs
narrows recv jobs --ack 'exit 1' 2> failed
for worker in 1 2 3; do
    narrows recv jobs --ack 'echo {} >> done' &
done
wait
echo "done by somebody: $(sort -nu done | wc -l | tr -d ' ')"

# What was sent stays for whoever comes later.
echo a | narrows send later
echo b | narrows send later
echo "kept: $(narrows recv later | xargs)"
