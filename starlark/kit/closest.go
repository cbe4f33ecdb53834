package kit

import (
	"slices"
	"strings"
)

// Closest returns the candidate that name was probably meant to be, "" if none is near.
func Closest(name string, candidates []string) string {
	best, limit := "", len(name)/3+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d <= limit {
			best, limit = c, d-1
		}
	}
	return best
}

// DidYouMean adds to err the candidate that name was probably meant to be, if one is near.
func DidYouMean(err error, name string, candidates []string) error {
	if near := Closest(name, candidates); near != "" {
		return Hint(err, "did you mean %q?", near)
	}
	return err
}

// distance is how many letters have to be added, dropped or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(previous[j]+cost, previous[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
