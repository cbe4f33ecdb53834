package supervise

import "testing"

func TestExit_String(t *testing.T) {
	t.Parallel()
	for want, exit := range map[string]*Exit{
		"ended, nobody knows how":            nil,
		"exited with code 0":                 {},
		"exited with code 128":               {Code: 128},
		"exited with code 130 (signal 2)":    {Code: 130},
		"exited with code 255":               {Code: 255},
		"was ended by the signal terminated": {Code: 143, Signal: "terminated"},
	} {
		if got := exit.String(); got != want {
			t.Errorf("%+v is %q, want %q", exit, got, want)
		}
	}
}
