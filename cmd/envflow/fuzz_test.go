package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse feeds arbitrary lines, one word per line of the input. The parser must not panic, must not lose, invent or
// reorder an argument, and must read back what it renders.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"up a -f x -- b", "intercept s -p 80 -- cmd -x -- y", "-o json server status", "up -qdfx --set a=1 --set b -5 -",
		"server --dir d st -v", "--version -o json", "help server", "up --file", "-\xff", "up -q\xff=", "up --=x ---", "exec s --",
		"scale --reason= a -1", "--temporal-api-key k up",
	} {
		f.Add(strings.ReplaceAll(seed, " ", "\n"))
	}
	f.Fuzz(func(t *testing.T, input string) {
		in := strings.Split(input, "\n")
		got, err := parseDemo(in)
		if err != nil || got.help {
			return
		}

		kept := slices.Concat(got.args, got.rest)
		if !isSubsequence(kept, in) {
			t.Errorf("arguments %q do not come from %q in this order", kept, in)
		}
		if got.dashed && !slices.Equal(got.rest, in[len(in)-len(got.rest):]) {
			t.Errorf("the words after -- are %q in %q", got.rest, in)
		}
		if words, most := countWords(got), len(in); words > most {
			t.Errorf("%q has %d words, the parser found %d", in, most, words)
		}

		canonical := got.canonical()
		again, err := parseDemo(canonical)
		if err != nil {
			t.Fatalf("%q is rendered as %q, which is wrong: %v", in, canonical, err)
		}
		if diff := cmp.Diff(canonical, again.canonical()); diff != "" {
			t.Errorf("rendered again (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(got.words(), again.words()); diff != "" {
			t.Errorf("what urfave/cli gets (-first +second):\n%s", diff)
		}
	})
}

// FuzzOrder moves flags to arbitrary places among the arguments and wants the same line to come out.
func FuzzOrder(f *testing.F) {
	f.Add(uint64(0), uint8(0xff))
	f.Add(uint64(0x123456789abcdef), uint8(0x5a))
	f.Fuzz(func(t *testing.T, places uint64, chosen uint8) {
		args := []string{"one", "-", "-3", "logs"}
		groups := [][]string{
			{"-q"}, {"--file", "-x"}, {"-p80"}, {"--set", "a=1,2"}, {"--verbose"}, {"--temporal-address=h:1"}, {"-dj", "2"}, {"--timeout=1s"},
		}
		line := args
		plain := slices.Clone(args)
		for i, group := range groups {
			if chosen>>i&1 == 0 {
				continue
			}
			plain = append(plain, group...)
			at := int(places>>(8*i)&0xff) % (len(args) + 1)
			line = slices.Insert(slices.Clone(line), positionOf(line, args, at), group...)
		}
		want, err := parseDemo(append([]string{"up"}, plain...))
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseDemo(append([]string{"up"}, line...))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if diff := cmp.Diff(sorted(want.words()), sorted(got.words())); diff != "" {
			t.Errorf("%q (-flags last +flags moved):\n%s", line, diff)
		}
		if diff := cmp.Diff(args, got.args); diff != "" {
			t.Errorf("arguments of %q (-want +got):\n%s", line, diff)
		}
	})
}

// positionOf returns where in line the argument args[at] stands, the end for at = len(args).
func positionOf(line, args []string, at int) int {
	if at == len(args) {
		return len(line)
	}
	return slices.Index(line, args[at])
}

func sorted(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return words
}

func isSubsequence(part, whole []string) bool {
	for _, word := range whole {
		if len(part) > 0 && part[0] == word {
			part = part[1:]
		}
	}
	return len(part) == 0
}

// countWords returns how many words a line must have had at least: bundled flags share one.
func countWords(l *line) int {
	n := len(l.args) + len(l.rest)
	if l.dashed {
		n++
	}
	if l.command().Name != "version" { // --version is a flag
		n += len(l.path) - 1
	}
	return n
}
