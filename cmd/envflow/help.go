package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

const helpColumns = 100

const rootFooter = `Flags stand anywhere before --. Words after -- belong to the command that envflow runs.

Environment:
  NO_COLOR              print without colour
  ENVFLOW_STATE_DIR     keep state there instead of in ~/.local/state/envflow
  ENVFLOW_TEMPORAL=env  use the Temporal that TEMPORAL_ADDRESS and other TEMPORAL_ variables name

Exit codes:
  0  done          2  wrong command line               4    wrong configuration
  1  failed        3  something needed is missing      130  interrupted

"envflow help COMMAND" or "envflow COMMAND --help" says more about a command.
`

// writeHelp prints the help for the last command of path.
func (e *environ) writeHelp(w *styledWriter, path []*cli.Command) {
	cmd := path[len(path)-1]
	isRoot := len(path) == 1
	description, examples, _ := strings.Cut(cmd.Description, "Examples:\n")

	if !isRoot {
		fmt.Fprintf(w, "%s.\n\n", sentence(cmd.Usage))
	}
	if description = strings.TrimSpace(description); description != "" {
		fmt.Fprintf(w, "%s\n\n", wrapText(description, helpColumns))
	}
	fmt.Fprintf(w, "%s\n  %s\n", w.bold("Usage:"), usageLine(path))
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(w, "\n%s\n  %s\n", w.bold("Aliases:"), strings.Join(cmd.Aliases, ", "))
	}
	writeCommands(w, cmd)
	if examples != "" {
		fmt.Fprintf(w, "\n%s\n%s\n", w.bold("Examples:"), strings.TrimRight(examples, "\n"))
	}
	e.writeFlags(w, path)
	if isRoot {
		fmt.Fprintf(w, "\n%s", boldHeadings(w.style, rootFooter))
	} else {
		fmt.Fprintf(w, "\nThe flags of every command, such as --verbose and --temporal-address, are in %q.\n", path[0].Name+" help")
	}
}

// helpRow is one entry of a list in help: what to type, and what it does.
type helpRow struct{ left, right string }

// writeCommands lists the commands below cmd by group.
func writeCommands(w *styledWriter, cmd *cli.Command) {
	groups := newHelpGroups("Commands")
	for _, sub := range cmd.Subcommands {
		if !sub.Hidden {
			groups.add(sub.Category, helpRow{sub.Name, sub.Usage})
		}
	}
	groups.write(w)
}

// writeFlags lists the flags of the command. The root's are listed for the root only, there are many of them.
func (e *environ) writeFlags(w *styledWriter, path []*cli.Command) {
	groups := newHelpGroups("Flags")
	for i := len(path) - 1; i >= 0; i-- {
		if i == 0 && len(path) > 1 {
			break
		}
		for _, f := range path[i].Flags {
			if doc, ok := f.(cli.DocGenerationFlag); ok && !isHidden(f) {
				groups.add(categoryOf(f), e.flagRow(doc))
			}
		}
	}
	groups.add("", helpRow{"-h, --help", "print this help"})
	if len(path) == 1 {
		groups.add("", helpRow{"    --version", "print the version of envflow"})
	}
	groups.write(w)
}

func categoryOf(f cli.Flag) string {
	if c, ok := f.(cli.CategorizableFlag); ok {
		return c.GetCategory()
	}
	return ""
}

// flagRow describes a flag: its names and placeholder, its usage, default and environment variables.
func (e *environ) flagRow(f cli.DocGenerationFlag) helpRow {
	short, long := "   ", ""
	for _, name := range f.Names() {
		if len(name) == 1 {
			short = "-" + name + ","
		} else if long == "" {
			long = " --" + name
		}
	}
	if long == "" {
		short = strings.TrimSuffix(short, ",")
	}
	usage, placeholder := f.GetUsage(), ""
	if before, name, found := strings.Cut(usage, "`"); found {
		name, after, _ := strings.Cut(name, "`")
		usage, placeholder = before+name+after, name
	}
	left := short + long
	if f.TakesValue() {
		if placeholder == "" {
			placeholder = "VALUE"
		}
		left += " " + placeholder
	}

	if slice, ok := f.(cli.DocGenerationSliceFlag); ok && slice.IsSliceFlag() {
		usage += "; may be repeated"
	}
	if required, ok := f.(cli.RequiredFlag); ok && required.IsRequired() {
		usage += " (required)"
	}
	switch text := strings.Trim(f.GetDefaultText(), `"`); text {
	case "", "false", "0", "0s":
	default:
		usage += fmt.Sprintf(" (default %s)", text)
	}
	for _, env := range e.flagEnv[f] {
		usage += fmt.Sprintf(" [$%s]", env)
	}
	return helpRow{left, usage}
}

// helpGroups are lists under headings, in the order in which the headings came up.
type helpGroups struct {
	fallback string // the heading of rows without a group
	names    []string
	rows     map[string][]helpRow
}

func newHelpGroups(fallback string) *helpGroups {
	return &helpGroups{fallback: fallback, rows: map[string][]helpRow{}}
}

func (g *helpGroups) add(name string, row helpRow) {
	if name == "" {
		name = g.fallback
	}
	if _, seen := g.rows[name]; !seen {
		g.names = append(g.names, name)
	}
	g.rows[name] = append(g.rows[name], row)
}

// write prints the groups, each in two columns, wrapping what is too long.
func (g *helpGroups) write(w *styledWriter) {
	const widest = 38 // a longer left side gets a line of its own
	for _, name := range g.names {
		column := 0
		for _, row := range g.rows[name] {
			if n := utf8.RuneCountInString(row.left); n <= widest {
				column = max(column, n)
			}
		}
		fmt.Fprintf(w, "\n%s\n", w.bold(name+":"))
		for _, row := range g.rows[name] {
			indent := strings.Repeat(" ", column+4)
			right := strings.ReplaceAll(wrapText(row.right, helpColumns-len(indent)), "\n", "\n"+indent)
			if utf8.RuneCountInString(row.left) > column {
				fmt.Fprintf(w, "  %s\n%s%s\n", row.left, indent, right)
				continue
			}
			fmt.Fprintf(w, "  %-*s  %s\n", column, row.left, right)
		}
	}
}

// wrapText breaks lines at columns. Lines that start with a space are left as they are.
func wrapText(text string, columns int) string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, " ") {
			out = append(out, line)
			continue
		}
		current, width := "", 0
		for _, word := range strings.Fields(line) {
			n := utf8.RuneCountInString(word)
			if width > 0 && width+1+n > columns {
				out = append(out, current)
				current, width = "", 0
			}
			if width > 0 {
				current += " "
				width++
			}
			current += word
			width += n
		}
		out = append(out, current)
	}
	return strings.Join(out, "\n")
}

// boldHeadings makes the lines bold that end in a colon.
func boldHeadings(s style, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasSuffix(line, ":") {
			lines[i] = s.bold(line)
		}
	}
	return strings.Join(lines, "\n")
}

// sentence starts text with a capital letter.
func sentence(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[n:]
}
