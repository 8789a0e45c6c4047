# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_narrows_global_optspecs
    string join \n h/help V/version
end

function __fish_narrows_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_narrows_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_narrows_using_subcommand
    set -l cmd (__fish_narrows_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c narrows -n "__fish_narrows_needs_command" -s h -l help -d 'Print help'
complete -c narrows -n "__fish_narrows_needs_command" -s V -l version -d 'Print version'
complete -c narrows -n "__fish_narrows_needs_command" -f -a "farm" -d 'Run a command on every line of stdin with several workers, answers in order'
complete -c narrows -n "__fish_narrows_needs_command" -f -a "send" -d 'Send the records of stdin into a channel between processes'
complete -c narrows -n "__fish_narrows_needs_command" -f -a "recv" -d 'Receive records from a channel between processes, each by one receiver'
complete -c narrows -n "__fish_narrows_needs_command" -f -a "tap" -d 'Sit in a pipeline and measure it: bytes pass unchanged'
complete -c narrows -n "__fish_narrows_needs_command" -f -a "top" -d 'Watch the farms, taps and channels of this user, and what they wait for'
complete -c narrows -n "__fish_narrows_needs_command" -f -a "stat" -d 'Say once what the farms, taps and channels of this user do, and what they wait for'
complete -c narrows -n "__fish_narrows_needs_command" -f -a "run" -d 'Start a program several times, as ranks that send each other messages'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s j -l jobs -d 'Copies of CMD at a time: a number, or a share of the processors' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l from -d 'Take the records from the channel NAME instead of stdin' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l to -d 'Give the records of the output to the channel NAME instead of stdout' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s d -l delimiter -d 'Records end with this character: one byte, or \\t, \\0, \\n, \\r, \\xHH' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l reply-end -d 'An answer is all lines of CMD up to one that says STR, which is not printed' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s n -l records -d 'Lines per process, where {} stands [default: 1]' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l window -d 'Records read ahead of the oldest unprinted one [default: 8 ms of work per copy, at least 256]' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l buffer -d 'Bytes held at most: lines in hand, and answers that wait for their turn' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l spill -d 'Put answers that wait for their turn, if not tiny, into an unnamed file in DIR when --buffer is half full' -r -F
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l max-record -d 'Longest line allowed, and longest answer' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l retries -d 'Try a failed record so often again; a live worker\'s records in doubt one by one' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l backoff -d 'Pause before the first of the retries; each is twice as long' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l timeout -d 'End a process, and all that it started, that takes longer for a record; live workers get one at a time then, and as long again to start' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l halt -d 'End early when a record fails: soon finishes what is in hand, now ends it; soon,fail=3 or now,fail=10%: when so many do' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l log -d 'Write what became of each record to FILE, as JSON Lines' -r -F
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l trace -d 'Write to FILE when each worker did what, in Chrome\'s trace format, which Perfetto shows' -r -F
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l grace -d 'How long TERM and HUP let the copies finish' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l stall -d 'Say which record everything waits for when nothing was printed for so long' -r
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l builtin -d 'Use a function of this program instead of a command' -r -f -a "factor\t'The prime factors of each number, as factor prints them'"
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s u -l unordered -d 'Print answers as they come instead of in input order'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s 0 -l null -d 'Records end with NUL instead of newline, in input and output'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l frame -d 'Each record and each answer follows its length in four bytes, the highest first'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s t -l tag -d 'Put the record and a tab before each line of its answer'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l shell -d 'Give CMD to sh as a script; {} is safe in it, whatever the line holds'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l blocks -d 'One process per MiB of whole lines, on its stdin; CMD may be any filter'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l dry-run -d 'Say what would be done; read and run nothing'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l pty -d 'Give CMD a raw terminal as stdout, for programs that buffer their output on a pipe'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l resume -d 'Go on with the log: leave out records that it says are done, whatever their place in the input'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -l json-summary -d 'Write a line of JSON about the run to stderr at its end'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s p -l progress -d 'Show progress on stderr [default: on a terminal, if the output goes elsewhere]'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s q -l quiet -d 'No progress, notes or hints: only errors'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s v -l verbose -d 'Say which copy of CMD wrote a line to stderr'
complete -c narrows -n "__fish_narrows_using_subcommand farm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c narrows -n "__fish_narrows_using_subcommand send" -l capacity -d 'Records that it holds at most [default: 1024]' -r
complete -c narrows -n "__fish_narrows_using_subcommand send" -l max-record -d 'Its longest record [default: 128K]' -r
complete -c narrows -n "__fish_narrows_using_subcommand send" -l memory -d 'Bytes for records longer than 112 bytes, in all [default: 2M, or 8 of the longest]' -r
complete -c narrows -n "__fish_narrows_using_subcommand send" -s d -l delimiter -d 'Records end with this character: one byte, or \\t, \\0, \\n, \\r, \\xHH' -r
complete -c narrows -n "__fish_narrows_using_subcommand send" -l timeout -d 'How long a record may wait for room, or with --sync for a receiver' -r
complete -c narrows -n "__fish_narrows_using_subcommand send" -l keep-open -d 'It ends when it is closed (narrows stat --close), instead of when the last sender has left'
complete -c narrows -n "__fish_narrows_using_subcommand send" -s 0 -l null -d 'Records end with NUL instead of newline'
complete -c narrows -n "__fish_narrows_using_subcommand send" -l frame -d 'Each record follows its length in four bytes, the highest first'
complete -c narrows -n "__fish_narrows_using_subcommand send" -l sync -d 'Go on after each record when somebody has received it'
complete -c narrows -n "__fish_narrows_using_subcommand send" -s q -l quiet -d 'No notes or hints: only errors'
complete -c narrows -n "__fish_narrows_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c narrows -n "__fish_narrows_using_subcommand recv" -l capacity -d 'Records that it holds at most [default: 1024]' -r
complete -c narrows -n "__fish_narrows_using_subcommand recv" -l max-record -d 'Its longest record [default: 128K]' -r
complete -c narrows -n "__fish_narrows_using_subcommand recv" -l memory -d 'Bytes for records longer than 112 bytes, in all [default: 2M, or 8 of the longest]' -r
complete -c narrows -n "__fish_narrows_using_subcommand recv" -s d -l delimiter -d 'Records end with this character: one byte, or \\t, \\0, \\n, \\r, \\xHH' -r
complete -c narrows -n "__fish_narrows_using_subcommand recv" -s n -l records -d 'Take so many records at most' -r
complete -c narrows -n "__fish_narrows_using_subcommand recv" -l timeout -d 'End when no record has come for so long' -r
complete -c narrows -n "__fish_narrows_using_subcommand recv" -l ack -d 'Give each record to CMD, a script for sh: on its stdin, or as the argument {}. It is received when CMD ends with 0' -r -f -a "(__fish_complete_command)"
complete -c narrows -n "__fish_narrows_using_subcommand recv" -l retries -d 'Let CMD try a record so often again before it is given back' -r
complete -c narrows -n "__fish_narrows_using_subcommand recv" -l grace -d 'How long TERM and HUP let CMD finish' -r
complete -c narrows -n "__fish_narrows_using_subcommand recv" -l keep-open -d 'It ends when it is closed (narrows stat --close), instead of when the last sender has left'
complete -c narrows -n "__fish_narrows_using_subcommand recv" -s 0 -l null -d 'Records end with NUL instead of newline'
complete -c narrows -n "__fish_narrows_using_subcommand recv" -l frame -d 'Each record follows its length in four bytes, the highest first'
complete -c narrows -n "__fish_narrows_using_subcommand recv" -s q -l quiet -d 'No notes or hints: only errors'
complete -c narrows -n "__fish_narrows_using_subcommand recv" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c narrows -n "__fish_narrows_using_subcommand tap" -l name -d 'What top, stat and the summary call it' -r
complete -c narrows -n "__fish_narrows_using_subcommand tap" -s l -l lines -d 'Count lines too; the bytes are copied then, where else the kernel moves them'
complete -c narrows -n "__fish_narrows_using_subcommand tap" -s q -l quiet -d 'No summary at the end'
complete -c narrows -n "__fish_narrows_using_subcommand tap" -l json -d 'The summary as a line of JSON'
complete -c narrows -n "__fish_narrows_using_subcommand tap" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c narrows -n "__fish_narrows_using_subcommand top" -l svg -d 'Draw one picture into FILE, and end' -r -F
complete -c narrows -n "__fish_narrows_using_subcommand top" -l width -d 'How wide such a picture is' -r
complete -c narrows -n "__fish_narrows_using_subcommand top" -l once -d 'Print one picture as text, and end'
complete -c narrows -n "__fish_narrows_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c narrows -n "__fish_narrows_using_subcommand stat" -l interval -d 'Over how long the shares and rates are taken' -r
complete -c narrows -n "__fish_narrows_using_subcommand stat" -l close -d 'Close the channel NAME for everybody, for good' -r
complete -c narrows -n "__fish_narrows_using_subcommand stat" -l resize -d 'Change how many messages the channel NAME may hold; at most so many as it was made for' -r
complete -c narrows -n "__fish_narrows_using_subcommand stat" -l json -d 'Write JSON'
complete -c narrows -n "__fish_narrows_using_subcommand stat" -l prometheus -d 'Write the text format of Prometheus'
complete -c narrows -n "__fish_narrows_using_subcommand stat" -l gc -d 'Give back what the dead had in hand, and remove channels that are empty and that nobody uses'
complete -c narrows -n "__fish_narrows_using_subcommand stat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c narrows -n "__fish_narrows_using_subcommand run" -s n -l ranks -d 'How many ranks [default: as many as processors]' -r
complete -c narrows -n "__fish_narrows_using_subcommand run" -l timeout -d 'End all ranks when they have run for so long' -r
complete -c narrows -n "__fish_narrows_using_subcommand run" -l grace -d 'How long the ranks may take to end when one has failed, or after a signal' -r
complete -c narrows -n "__fish_narrows_using_subcommand run" -s l -l label -d 'Put the number of the rank before each line it writes'
complete -c narrows -n "__fish_narrows_using_subcommand run" -s q -l quiet -d 'No notes or hints: only errors'
complete -c narrows -n "__fish_narrows_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
