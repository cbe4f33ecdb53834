package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	candidates := []string{"up", "down", "status", "start", "stop", "logs", "intercept", "completion", "verbose", "version", "o", "é"}
	tests := []struct {
		word string
		want []string
	}{
		{word: "stats", want: []string{"status"}},
		{word: "satrt", want: []string{"start"}},
		{word: "dwon", want: []string{"down"}},
		{word: "Logs", want: []string{"logs"}},
		{word: "log", want: []string{"logs"}},
		{word: "lgs", want: []string{"logs"}},
		{word: "ver", want: []string{"verbose", "version"}},
		{word: "stat", want: []string{"status"}},
		{word: "version", want: []string{"version"}},
		{word: "complete", want: []string{"completion"}},
		{word: "interceptor", want: []string{"intercept"}},
		{word: "o", want: []string{"o"}},
		{word: "é", want: []string{"é"}},
		{word: "x"},
		{word: ""},
		{word: "ox"},
		{word: "list"},
		{word: "build"},
		{word: "\xff\xfe"},
	}
	for _, tt := range tests {
		t.Run(tt.word, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, nearest(tt.word, candidates)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"", "ab", 2},
		{"abc", "abc", 0},
		{"abc", "axc", 1},
		{"abc", "acb", 1},
		{"abc", "ac", 1},
		{"abcd", "badc", 2},
		{"kitten", "sitting", 3},
	}
	for _, tt := range tests {
		if got := editDistance([]rune(tt.a), []rune(tt.b)); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := editDistance([]rune(tt.b), []rune(tt.a)); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
