package lint

import "go.starlark.net/syntax"

// theEvaluation is what fail and exit end.
const theEvaluation = "the evaluation"

// checkStatements finds statements that do nothing, and those that are never reached.
func (f *file) checkStatements(stmts []syntax.Stmt) {
	for i, stmt := range stmts {
		if i > 0 && f.ends(stmts[i-1]) && !f.isLastWord(stmts[i-1], stmt) {
			start, _ := stmt.Span()
			f.find(start, RuleUnreachable, "", "it is never reached: what is before it ends %s", f.whatEnds(stmts[i-1]))
			return
		}
		switch stmt := stmt.(type) {
		case *syntax.ExprStmt:
			f.checkEffect(stmt.X)
		case *syntax.IfStmt:
			f.checkStatements(stmt.True)
			f.checkStatements(stmt.False)
		case *syntax.ForStmt:
			f.checkStatements(stmt.Body)
		case *syntax.WhileStmt:
			f.checkStatements(stmt.Body)
		case *syntax.DefStmt:
			f.checkStatements(stmt.Body)
		}
	}
}

// isLastWord reports whether a return only makes plain that fail(...) or exit(...) before it ends the function.
func (f *file) isLastWord(before, stmt syntax.Stmt) bool {
	_, ok := stmt.(*syntax.ReturnStmt)
	return ok && f.whatEnds(before) == theEvaluation
}

// ends reports whether nothing comes after a statement in its block.
func (f *file) ends(stmt syntax.Stmt) bool { return f.whatEnds(stmt) != "" }

// whatEnds says what a statement ends, "" if the next one comes.
func (f *file) whatEnds(stmt syntax.Stmt) string {
	switch stmt := stmt.(type) {
	case *syntax.ReturnStmt:
		return "the function"
	case *syntax.BranchStmt:
		if stmt.Token == syntax.BREAK {
			return "the loop"
		}
		if stmt.Token == syntax.CONTINUE {
			return "this turn of the loop"
		}
	case *syntax.ExprStmt:
		if call, ok := stmt.X.(*syntax.CallExpr); ok {
			if name := f.builtinCalled(call); name == "fail" || name == "exit" {
				return theEvaluation
			}
		}
	}
	return ""
}

// checkEffect finds a value that nothing is done with. A string is a comment, and what calls something may do anything.
func (f *file) checkEffect(e syntax.Expr) {
	if _, ok := textOf(e); ok {
		return
	}
	calls := false
	syntax.Walk(e, func(n syntax.Node) bool {
		if _, ok := n.(*syntax.CallExpr); ok {
			calls = true
		}
		return !calls
	})
	if calls {
		return
	}
	hint := ""
	switch e := e.(type) {
	case *syntax.Ident, *syntax.DotExpr:
		hint = "a function is called with parentheses"
	case *syntax.BinaryExpr:
		if e.Op == syntax.EQL {
			hint = "= assigns, == compares"
		}
	}
	start, _ := e.Span()
	f.find(start, RuleNoEffect, hint, "it does nothing: its value is not used")
}
