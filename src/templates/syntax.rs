//! What a template may do. The language is Jinja's, without everything that can make much out of little: a limit on steps does not
//! bound `"a" * 1000000000`, nor a text that is joined to itself thirty times, nor what a compiler computes ahead of time. What
//! is left takes values apart and writes them, so that work and output are in proportion to the input.

use crate::domain::{Error, Result};
use minijinja::{
    machinery::{
        Token,
        ast::{BinOpKind, CallArg, Expr, Stmt},
        parse, tokenize,
    },
    syntax::SyntaxConfig,
};
use std::collections::BTreeSet;

/// The filters that there are.
pub(super) const FILTERS: [&str; 10] = [
    "data", "default", "first", "join", "last", "length", "lower", "tojson", "trim", "upper",
];
/// The tests that there are (`x is defined`).
pub(super) const TESTS: [&str; 9] = [
    "defined",
    "undefined",
    "none",
    "true",
    "false",
    "string",
    "number",
    "sequence",
    "mapping",
];
/// The longest `{{ … }}` or `{% … %}`, in words and signs. The parser descends with them, and the stack is finite.
const LONGEST_TAG: usize = 200;
/// The most `elif` of a template, for the same reason.
const MOST_BRANCHES: usize = 50;
/// How deep blocks may stand in each other.
const DEEPEST: usize = 30;

/// Checks a template and returns the variables that it takes from outside.
///
/// # Errors
/// `Error::Invalid` at `pointer`, with the line.
pub(super) fn check(pointer: &str, template: &str) -> Result<BTreeSet<String>> {
    variables(template).map_err(|message| Error::invalid(pointer, message))
}

fn variables(template: &str) -> Result<BTreeSet<String>, String> {
    check_size(template)?;
    let root = parse(template, "template", SyntaxConfig::default()).map_err(|error| in_words(&error))?;
    let mut walk = Walk::default();
    walk.statement(&root, 0)?;
    Ok(walk.used)
}

/// Bounds how deep the parser can descend, before it does.
fn check_size(template: &str) -> Result<(), String> {
    let (mut words, mut branches) = (0, 0);
    for token in tokenize(template, false, SyntaxConfig::default()) {
        let (token, span) = token.map_err(|error| in_words(&error))?;
        match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => words = 0,
            Token::Ident("elif") => branches += 1,
            _ => words += 1,
        }
        let line = span.start_line;
        if words > LONGEST_TAG {
            return Err(format!(
                "line {line}: a tag may have at most {LONGEST_TAG} words and signs"
            ));
        }
        if branches > MOST_BRANCHES {
            return Err(format!("line {line}: there may be at most {MOST_BRANCHES} `elif`"));
        }
    }
    Ok(())
}

fn in_words(error: &minijinja::Error) -> String {
    let line = error.line().unwrap_or(1);
    let detail = error.detail().unwrap_or("cannot be read");
    format!("line {line}: {}", detail.chars().take(300).collect::<String>())
}

/// Goes through a template; knows which names are bound where it stands.
#[derive(Default)]
struct Walk {
    used: BTreeSet<String>,
    bound: Vec<String>,
}

type Checked = Result<(), String>;

impl Walk {
    fn statements(&mut self, statements: &[Stmt<'_>], depth: usize) -> Checked {
        statements.iter().try_for_each(|one| self.statement(one, depth + 1))
    }

    /// Like [`Walk::statements`], and what they bind ends with them.
    fn scope(&mut self, statements: &[Stmt<'_>], depth: usize) -> Checked {
        let outside = self.bound.len();
        let checked = self.statements(statements, depth);
        self.bound.truncate(outside);
        checked
    }

    fn statement(&mut self, statement: &Stmt<'_>, depth: usize) -> Checked {
        if depth > DEEPEST {
            return Err(format!("blocks may stand in each other at most {DEEPEST} deep"));
        }
        let (line, what) = match statement {
            Stmt::Template(root) => return self.statements(&root.children, depth),
            Stmt::EmitRaw(_) => return Ok(()),
            Stmt::EmitExpr(emit) => return self.expression(&emit.expr),
            Stmt::IfCond(block) => {
                self.expression(&block.expr)?;
                // What one branch binds may be missing after it: it counts as bound inside only.
                self.scope(&block.true_body, depth)?;
                return self.scope(&block.false_body, depth);
            }
            Stmt::ForLoop(block) if !block.recursive => {
                self.expression(&block.iter)?;
                let outside = self.bound.len();
                self.bind(&block.target)?;
                self.bound.push("loop".to_owned());
                block.filter_expr.iter().try_for_each(|one| self.expression(one))?;
                let body = self.statements(&block.body, depth);
                self.bound.truncate(outside);
                body?;
                return self.scope(&block.else_body, depth);
            }
            Stmt::WithBlock(block) => {
                let outside = self.bound.len();
                for (target, value) in &block.assignments {
                    self.expression(value)?;
                    self.bind(target)?;
                }
                let body = self.statements(&block.body, depth);
                self.bound.truncate(outside);
                return body;
            }
            Stmt::Set(set) => {
                self.expression(&set.expr)?;
                return self.bind(&set.target);
            }
            Stmt::ForLoop(block) => (block.span().start_line, "recursive loops"),
            Stmt::SetBlock(block) => (block.span().start_line, "`set` with a block"),
            Stmt::AutoEscape(block) => (block.span().start_line, "`autoescape`"),
            Stmt::FilterBlock(block) => (block.span().start_line, "`filter` blocks"),
            Stmt::Do(call) => (call.span().start_line, "calls"),
        };
        Err(format!("line {line}: there are no {what} in templates of prompts"))
    }

    fn bind(&mut self, target: &Expr<'_>) -> Checked {
        match target {
            Expr::Var(name) => {
                self.bound.push(name.id.to_owned());
                Ok(())
            }
            Expr::List(names) => names.items.iter().try_for_each(|name| self.bind(name)),
            Expr::Tuple(names) => names.items.iter().try_for_each(|name| self.bind(name)),
            other => Err(format!("line {}: only a name can be set", other.span().start_line)),
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) -> Checked {
        let line = expression.span().start_line;
        match expression {
            Expr::Const(_) => Ok(()),
            Expr::Var(name) => {
                if !self.bound.iter().any(|bound| bound == name.id) {
                    self.used.insert(name.id.to_owned());
                }
                Ok(())
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => {
                if let Some(sign) = refused_sign(operation.op) {
                    return Err(format!(
                        "line {line}: there is no `{sign}` in templates of prompts; texts are put together by writing one \
                         after the other"
                    ));
                }
                self.expression(&operation.left)?;
                self.expression(&operation.right)
            }
            Expr::Compare(chain) => {
                self.expression(&chain.expr)?;
                chain.ops.iter().try_for_each(|one| self.expression(&one.expr))
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr)?;
                self.expression(&choice.true_expr)?;
                choice.false_expr.iter().try_for_each(|one| self.expression(one))
            }
            Expr::Filter(filter) => {
                check_name(line, "filter", filter.name, &FILTERS)?;
                filter.expr.iter().try_for_each(|one| self.expression(one))?;
                self.arguments(line, &filter.args)
            }
            Expr::Test(test) => {
                check_name(line, "test", test.name, &TESTS)?;
                self.expression(&test.expr)?;
                self.arguments(line, &test.args)
            }
            Expr::GetAttr(access) => self.expression(&access.expr),
            Expr::GetItem(access) => {
                self.expression(&access.expr)?;
                self.expression(&access.subscript_expr)
            }
            // A list that holds a list twice, in a list that holds that one twice, is soon larger than any memory.
            Expr::List(list) if list.items.iter().all(|item| matches!(item, Expr::Const(_))) => Ok(()),
            Expr::List(_) => Err(format!(
                "line {line}: a list may hold only texts and numbers as they are written"
            )),
            Expr::Slice(_) => refuse(line, "slices"),
            Expr::Call(_) => refuse(line, "calls"),
            Expr::Tuple(_) => refuse(line, "tuples"),
            Expr::Map(_) => refuse(line, "maps"),
        }
    }

    fn arguments(&mut self, line: u16, arguments: &[CallArg<'_>]) -> Checked {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value) => self.expression(value),
            CallArg::Kwarg(..) | CallArg::PosSplat(_) | CallArg::KwargSplat(_) => refuse(line, "named arguments"),
        })
    }
}

fn refuse(line: u16, what: &str) -> Checked {
    Err(format!("line {line}: there are no {what} in templates of prompts"))
}

fn check_name(line: u16, what: &str, name: &str, known: &[&str]) -> Checked {
    if known.contains(&name) {
        return Ok(());
    }
    let known = known.join("`, `");
    let name: String = name.chars().take(50).collect();
    Err(format!("line {line}: there is no {what} `{name}`; there are `{known}`"))
}

fn refused_sign(operation: BinOpKind) -> Option<&'static str> {
    match operation {
        BinOpKind::Add => Some("+"),
        BinOpKind::Sub => Some("-"),
        BinOpKind::Mul => Some("*"),
        BinOpKind::Div => Some("/"),
        BinOpKind::FloorDiv => Some("//"),
        BinOpKind::Rem => Some("%"),
        BinOpKind::Pow => Some("**"),
        BinOpKind::Concat => Some("~"),
        BinOpKind::Eq
        | BinOpKind::Ne
        | BinOpKind::Lt
        | BinOpKind::Lte
        | BinOpKind::Gt
        | BinOpKind::Gte
        | BinOpKind::ScAnd
        | BinOpKind::ScOr
        | BinOpKind::In => None,
    }
}
