package plan

import "testing"

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for want, argv := range map[string][]string{
		"echo $HOME | cat":              {"sh", "-c", "echo $HOME | cat"},
		"go build ./...":                {"go", "build", "./..."},
		`echo 'a b' '' 'it'"'"'s' '$x'`: {"echo", "a b", "", "it's", "$x"},
		"sh -c":                         {"sh", "-c"},
	} {
		if got := CommandLine(argv); got != want {
			t.Errorf("%q is %s, want %s", argv, got, want)
		}
	}
}
