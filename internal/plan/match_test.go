package plan

import "testing"

func TestImage_Matches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ref, container string
		loose, exact   bool
	}{
		{"web", "web", true, true},
		{"web", "web:v1", true, false},
		{"web", "docker.io/library/web", true, true},
		{"web", "docker.io/library/web:latest", true, false},
		{"web:latest", "web", true, false},
		{"web:latest", "docker.io/library/web:latest", true, true},
		{"web:v1", "library/web:v1", true, true},
		{"web:v1", "web:v2", true, false},
		{"web", "other", false, false},
		{"web", "localhost:5000/web", false, false},
		{"reg.io/a/web", "reg.io/a/web@sha256:0123456789012345678901234567890123456789012345678901234567890123", true, false},
		{"web", "$(IMAGE)", false, false},
		{"BAD", "web", false, false},
	} {
		if got := (&Image{Ref: test.ref}).Matches(test.container); got != test.loose {
			t.Errorf("%s matches %s: got %t", test.ref, test.container, got)
		}
		if got := (&Image{Ref: test.ref, MatchExact: true}).Matches(test.container); got != test.exact {
			t.Errorf("%s matches %s exactly: got %t", test.ref, test.container, got)
		}
	}
}
