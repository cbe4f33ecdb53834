package kit

import "strings"

// Closest returns the candidate that name was probably meant to be, "" if none is near. Less than half of the letters may be wrong:
// in a short name few are, and a single letter is near to every other.
func Closest(name string, candidates []string) string {
	typed := []rune(name)
	best, limit := "", min(len(typed)/3+1, (len(typed)-1)/2)
	for _, c := range candidates {
		if len(typed) > 1 && strings.EqualFold(name, c) {
			return c
		}
		if d := distance(typed, []rune(c)); d <= limit {
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

// distance is how many letters have to be added, dropped, replaced or swapped with their neighbour to make b of a.
func distance(a, b []rune) int {
	var before, above []int // rows of the two letters of a before
	for i := range len(a) + 1 {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			if i == 0 {
				row[j] = j
				continue
			}
			replace := above[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}
