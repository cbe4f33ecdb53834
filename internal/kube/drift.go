package kube

import "slices"

// includes reports whether all that want says is so in live, which may say more: defaults, status, fields of others. It may be
// wrong in one direction only: where the API server writes the same in another way, it says no.
func includes(live, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		if !ok {
			return live == nil && len(want) == 0
		}
		for key, value := range want {
			if !includes(have[key], value) {
				return false
			}
		}
		return true
	case []any:
		have, ok := live.([]any)
		if !ok {
			return live == nil && len(want) == 0
		}
		return slices.EqualFunc(have, want, includes)
	case nil:
		return live == nil
	default:
		return same(live, want)
	}
}

// same compares scalars. The same number may be whole in YAML and not in JSON.
func same(live, want any) bool {
	if live == want {
		return true
	}
	a, ok := number(live)
	b, isNumber := number(want)
	return ok && isNumber && a == b
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
