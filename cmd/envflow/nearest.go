package main

import "strings"

// nearest returns the candidates that word most likely stands for, at most three that are equally near, in their order.
func nearest(word string, candidates []string) []string {
	const most = 3
	typed := []rune(strings.ToLower(word))
	best := (len(typed) + 1) / 3 // a mistake in three letters, two in five, three in eight
	if len(typed) < 2 {
		best = 0 // every letter is near every other
	}

	var near []string
	for _, candidate := range candidates {
		if candidate == word {
			return []string{word}
		}
		if len(candidate) < 2 {
			continue // nor is a letter near a word
		}
		distance := editDistance(typed, []rune(strings.ToLower(candidate)))
		if len(typed) >= 3 && strings.HasPrefix(candidate, word) {
			distance = 0 // somebody typed the beginning
		}
		if distance < best {
			best, near = distance, nil
		}
		if distance == best && len(near) < most {
			near = append(near, candidate)
		}
	}
	return near
}

// editDistance is the number of letters to insert, delete, replace or swap with their neighbour to make a from b
// (Damerau-Levenshtein, optimal string alignment).
func editDistance(a, b []rune) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(replace, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
