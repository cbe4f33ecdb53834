package supervise

import (
	"flag"
	"fmt"
	"strconv"
	"syscall"
)

// Flags defines a flag for each part of a spec but the command, which stands behind them. Args is the way back.
func (s *Spec) Flags(flags *flag.FlagSet) {
	flags.StringVar(&s.Dir, "dir", "", "folder of its state and of the command's output")
	flags.StringVar(&s.Digest, "digest", "", "stands in the state")
	flags.Func("signal", "number of the signal that asks the command to end (default SIGTERM)", func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not the number of a signal", text)
		}
		s.Signal = syscall.Signal(n)
		return nil
	})
	flags.DurationVar(&s.Grace, "grace", 0, "that the command has to end before it is killed (default 30s)")
	flags.StringVar(&s.Restart, "restart", RestartNever, "never, on-failure or always")
	flags.DurationVar(&s.Backoff.First, "backoff", 0, "before the first restart (default 1s, then doubled up to 30s)")
	flags.DurationVar(&s.Backoff.Max, "backoff-max", 0, "between restarts at most")
	flags.DurationVar(&s.Backoff.Healthy, "backoff-reset", 0, "that the command must run for the backoff to begin anew")
	flags.IntVar(&s.Limit.Restarts, "max-restarts", 0, "within --max-restarts-within; 0: no limit")
	flags.DurationVar(&s.Limit.Within, "max-restarts-within", 0, "see --max-restarts")
	flags.StringVar(&s.Holder, "holder", "", "file that is locked for as long as the command is wanted")
	flags.DurationVar(&s.Orphan, "orphan-timeout", 0, "that --holder may be free before the command is ended; 0: for ever")
	flags.BoolVar(&s.Daemons, "daemons", false, "let be what has left the session when the command ends by itself")
	flags.BoolVar(&s.Alone, "alone", false, "leave alone what the command has started")
}

// Args are the words that Flags reads the spec from, and the command.
func (s Spec) Args() []string {
	words := []string{
		"--dir=" + s.Dir, "--digest=" + s.Digest, fmt.Sprintf("--signal=%d", s.Signal), "--grace=" + s.Grace.String(),
		"--restart=" + s.Restart, "--backoff=" + s.Backoff.First.String(), "--backoff-max=" + s.Backoff.Max.String(),
		"--backoff-reset=" + s.Backoff.Healthy.String(), "--max-restarts=" + strconv.Itoa(s.Limit.Restarts),
		"--max-restarts-within=" + s.Limit.Within.String(), "--holder=" + s.Holder, "--orphan-timeout=" + s.Orphan.String(),
		"--daemons=" + strconv.FormatBool(s.Daemons), "--alone=" + strconv.FormatBool(s.Alone), "--",
	}
	return append(words, s.Argv...)
}
