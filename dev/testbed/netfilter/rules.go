package netfilter

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// Rule is one rule of a table: the chain it is in and its match and target.
type Rule struct {
	Table string
	Chain string
	Spec  []string
}

// Present reports whether the rule is there.
func (r Rule) Present(ctx context.Context) bool {
	return iptables(ctx, r.args("-C")) == nil
}

// Insert puts the rule in front of its chain if it is not there.
func (r Rule) Insert(ctx context.Context) error {
	if r.Present(ctx) {
		return nil
	}
	return iptables(ctx, r.args("-I"))
}

// Delete takes the rule away if it is there.
func (r Rule) Delete(ctx context.Context) error {
	if !r.Present(ctx) {
		return nil
	}
	return iptables(ctx, r.args("-D"))
}

// String returns the rule as the arguments of iptables.
func (r Rule) String() string {
	return "-t " + r.Table + " " + r.Chain + " " + strings.Join(r.Spec, " ")
}

func (r Rule) args(action string) []string {
	return append([]string{"-w", "10", "-t", r.Table, action, r.Chain}, r.Spec...)
}

// ForwardPolicy returns the policy of the FORWARD chain, ACCEPT or DROP.
func ForwardPolicy(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "iptables", "-w", "10", "-S", "FORWARD").Output()
	if err != nil {
		return "", fmt.Errorf("read the policy of FORWARD: %w", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(first, "-P FORWARD "), nil
}

// SetForwardPolicy sets the policy of the FORWARD chain.
func SetForwardPolicy(ctx context.Context, policy string) error {
	return iptables(ctx, []string{"-w", "10", "-P", "FORWARD", policy})
}

// Purge takes away, for IPv4 and IPv6, every chain whose name starts with one of the prefixes, every rule that jumps to
// one, and every rule of an interface whose name starts with one of the interface prefixes.
func Purge(ctx context.Context, chains, interfaces []string) error {
	for _, family := range []string{"iptables", "ip6tables"} {
		saved, err := exec.CommandContext(ctx, family+"-save").Output()
		if err != nil {
			return fmt.Errorf("read the rules of %s: %w", family, err)
		}
		script := PurgeScript(string(saved), chains, interfaces)
		if script == "" {
			continue
		}
		restore := exec.CommandContext(ctx, family+"-restore", "-w", "10", "--noflush")
		restore.Stdin = strings.NewReader(script)
		if out, err := restore.CombinedOutput(); err != nil {
			return fmt.Errorf("take away rules by %s-restore: %w: %s", family, err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// PurgeScript turns the output of iptables-save into the input of iptables-restore --noflush that does what Purge says,
// or "" when there is nothing to take away.
func PurgeScript(saved string, chains, interfaces []string) string {
	var script strings.Builder
	var table string
	var rules, doomed []string
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table, rules, doomed = line, nil, nil
		case strings.HasPrefix(line, ":"):
			name, _, _ := strings.Cut(line[1:], " ")
			if hasPrefix(name, chains) {
				doomed = append(doomed, name)
			}
		case strings.HasPrefix(line, "-A "):
			if fields := strings.Fields(line); !hasPrefix(fields[1], chains) && concerns(fields, chains, interfaces) {
				rules = append(rules, "-D "+strings.TrimPrefix(line, "-A "))
			}
		case line == "COMMIT" && len(rules)+len(doomed) > 0:
			// Every chain is emptied before the first is deleted: a chain that another one jumps to cannot be deleted.
			lines := slices.Concat([]string{table}, rules, actions("-F ", doomed), actions("-X ", doomed), []string{"COMMIT"})
			script.WriteString(strings.Join(lines, "\n") + "\n")
		}
	}
	return script.String()
}

// concerns reports whether a rule jumps to one of the chains or names one of the interfaces.
func concerns(fields, chains, interfaces []string) bool {
	for i, field := range fields[:len(fields)-1] {
		next := fields[i+1]
		switch field {
		case "-j", "-g":
			if hasPrefix(next, chains) {
				return true
			}
		case "-i", "-o":
			if hasPrefix(next, interfaces) {
				return true
			}
		}
	}
	return false
}

func hasPrefix(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

func actions(action string, chains []string) []string {
	lines := make([]string, len(chains))
	for i, chain := range chains {
		lines[i] = action + chain
	}
	return lines
}

func iptables(ctx context.Context, args []string) error {
	if out, err := exec.CommandContext(ctx, "iptables", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("iptables %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
