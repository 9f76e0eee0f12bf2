//! Copies the tree of a template, and has what can grow measured: each text, list or record that
//! is made, and each that is compared or gone through.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{
    self, BinOp, BinOpKind, CallArg, Compare, CompareOp, Const, EmitExpr, Filter, ForLoop, GetAttr,
    GetItem, IfCond, IfExpr, List, Macro, Map, Set, SetBlock, Slice, Spanned, Stmt, Template, Test,
    Tuple, UnaryOp, UnaryOpKind, Var, WithBlock,
};
use minijinja::value::Value;

use super::budget::{COMPARED, INDEXED, JOINED, LISTED, MADE, NUMBER, SMALL};
use super::{Expr, Fault, refused};

/// Copies a statement.
pub(super) fn statement<'s>(statement: &Stmt<'s>) -> Result<Stmt<'s>, Fault> {
    Ok(match statement {
        Stmt::Template(it) => Stmt::Template(Spanned::new(
            Template { children: statements(&it.children)? },
            it.span(),
        )),
        Stmt::EmitExpr(it) => {
            Stmt::EmitExpr(Spanned::new(EmitExpr { expr: expression(&it.expr)? }, it.span()))
        }
        // Text is written as a value, so that it counts.
        Stmt::EmitRaw(it) => {
            let value = Value::from_safe_string(it.raw.to_owned());
            let expr = Expr::Const(Spanned::new(Const { value }, it.span()));
            Stmt::EmitExpr(Spanned::new(EmitExpr { expr }, it.span()))
        }
        Stmt::ForLoop(it) if it.recursive => return Err(refused("recursive loops", it.span())),
        Stmt::ForLoop(it) => Stmt::ForLoop(Spanned::new(
            ForLoop {
                target: target(&it.target)?,
                iter: measured(LISTED, expression(&it.iter)?),
                filter_expr: it.filter_expr.as_ref().map(expression).transpose()?,
                recursive: false,
                body: statements(&it.body)?,
                else_body: statements(&it.else_body)?,
            },
            it.span(),
        )),
        Stmt::IfCond(it) => Stmt::IfCond(Spanned::new(
            IfCond {
                expr: expression(&it.expr)?,
                true_body: statements(&it.true_body)?,
                false_body: statements(&it.false_body)?,
            },
            it.span(),
        )),
        Stmt::WithBlock(it) => {
            let assignments = it.assignments.iter();
            let assignments =
                assignments.map(|(name, value)| Ok((target(name)?, expression(value)?)));
            Stmt::WithBlock(Spanned::new(
                WithBlock {
                    assignments: assignments.collect::<Result<_, Fault>>()?,
                    body: statements(&it.body)?,
                },
                it.span(),
            ))
        }
        Stmt::Set(it) => Stmt::Set(Spanned::new(
            Set { target: target(&it.target)?, expr: expression(&it.expr)? },
            it.span(),
        )),
        Stmt::SetBlock(it) if it.filter.is_none() => Stmt::SetBlock(Spanned::new(
            SetBlock { target: target(&it.target)?, filter: None, body: statements(&it.body)? },
            it.span(),
        )),
        Stmt::SetBlock(it) => return Err(refused("filters on blocks", it.span())),
        Stmt::Macro(it) => Stmt::Macro(Spanned::new(
            Macro {
                name: it.name,
                args: it.args.iter().map(target).collect::<Result<_, _>>()?,
                defaults: expressions(&it.defaults)?,
                body: statements(&it.body)?,
            },
            it.span(),
        )),
        Stmt::AutoEscape(it) => return Err(refused("`autoescape`", it.span())),
        Stmt::FilterBlock(it) => return Err(refused("filters on blocks", it.span())),
        Stmt::Block(it) => return Err(refused("`block`", it.span())),
        Stmt::Import(it) => return Err(refused("`import`", it.span())),
        Stmt::FromImport(it) => return Err(refused("`import`", it.span())),
        Stmt::Extends(it) => return Err(refused("`extends`", it.span())),
        Stmt::Include(it) => return Err(refused("`include`", it.span())),
        Stmt::CallBlock(it) => return Err(refused("`call` blocks", it.span())),
        Stmt::Do(it) => return Err(refused("`do`", it.span())),
    })
}

fn statements<'s>(all: &[Stmt<'s>]) -> Result<Vec<Stmt<'s>>, Fault> {
    all.iter().map(statement).collect()
}

fn expressions<'s>(all: &[Expr<'s>]) -> Result<Vec<Expr<'s>>, Fault> {
    all.iter().map(expression).collect()
}

/// Copies the names that a value is given to.
fn target<'s>(expr: &Expr<'s>) -> Result<Expr<'s>, Fault> {
    let all = |items: &[Expr<'s>]| items.iter().map(target).collect::<Result<Vec<_>, _>>();
    Ok(match expr {
        Expr::Var(it) => Expr::Var(Spanned::new(Var { id: it.id }, it.span())),
        Expr::List(it) => Expr::List(Spanned::new(List { items: all(&it.items)? }, it.span())),
        other => return Err(refused("assignment to a part of a value", other.span())),
    })
}

/// Copies an expression.
pub(super) fn expression<'s>(expr: &Expr<'s>) -> Result<Expr<'s>, Fault> {
    Ok(match expr {
        Expr::Var(it) => Expr::Var(Spanned::new(Var { id: it.id }, it.span())),
        Expr::Const(it) => Expr::Const(Spanned::new(Const { value: it.value.clone() }, it.span())),
        Expr::Slice(it) => measured(
            MADE,
            Expr::Slice(Spanned::new(
                Slice {
                    expr: measured(LISTED, expression(&it.expr)?),
                    start: it.start.as_ref().map(expression).transpose()?,
                    stop: it.stop.as_ref().map(expression).transpose()?,
                    step: it.step.as_ref().map(expression).transpose()?,
                },
                it.span(),
            )),
        ),
        Expr::UnaryOp(it) => {
            // The kind can't be copied, and clippy sees no difference.
            let op =
                if matches!(it.op, UnaryOpKind::Not) { UnaryOpKind::Not } else { UnaryOpKind::Neg };
            Expr::UnaryOp(Spanned::new(UnaryOp { op, expr: expression(&it.expr)? }, it.span()))
        }
        Expr::BinOp(it) => operation(it)?,
        Expr::Compare(it) => {
            let compared = |expr| Ok(measured(COMPARED, expression(expr)?));
            let ops =
                it.ops.iter().map(|op| Ok(CompareOp { op: op.op, expr: compared(&op.expr)? }));
            Expr::Compare(Spanned::new(
                Compare { expr: compared(&it.expr)?, ops: ops.collect::<Result<_, Fault>>()? },
                it.span(),
            ))
        }
        Expr::IfExpr(it) => Expr::IfExpr(Spanned::new(
            IfExpr {
                test_expr: expression(&it.test_expr)?,
                true_expr: expression(&it.true_expr)?,
                false_expr: it.false_expr.as_ref().map(expression).transpose()?,
            },
            it.span(),
        )),
        Expr::Filter(it) => filter(it)?,
        // These ask whether there is a value, not what it is.
        Expr::Test(it) if matches!(it.name, "defined" | "none") => Expr::Test(Spanned::new(
            Test { name: it.name, expr: expression(&it.expr)?, args: Vec::new() },
            it.span(),
        )),
        Expr::Test(it) => Expr::Test(Spanned::new(
            Test {
                name: it.name,
                expr: measured(COMPARED, expression(&it.expr)?),
                args: arguments(&it.args, COMPARED)?,
            },
            it.span(),
        )),
        Expr::GetAttr(it) => Expr::GetAttr(Spanned::new(
            GetAttr { expr: expression(&it.expr)?, name: it.name },
            it.span(),
        )),
        Expr::GetItem(it) => Expr::GetItem(Spanned::new(
            GetItem {
                expr: measured(INDEXED, expression(&it.expr)?),
                subscript_expr: expression(&it.subscript_expr)?,
            },
            it.span(),
        )),
        Expr::Call(it) if !matches!(it.expr, Expr::Var(_)) => {
            return Err(refused("methods", it.span()));
        }
        Expr::Call(it) => {
            let args = it.args.iter().map(|one| argument(one, None)).collect::<Result<_, _>>()?;
            let call = ast::Call { expr: expression(&it.expr)?, args };
            measured(MADE, Expr::Call(Spanned::new(call, it.span())))
        }
        Expr::List(it) => measured(
            MADE,
            Expr::List(Spanned::new(List { items: expressions(&it.items)? }, it.span())),
        ),
        Expr::Tuple(it) => measured(
            MADE,
            Expr::Tuple(Spanned::new(Tuple { items: expressions(&it.items)? }, it.span())),
        ),
        Expr::Map(it) => measured(
            MADE,
            Expr::Map(Spanned::new(
                Map { keys: expressions(&it.keys)?, values: expressions(&it.values)? },
                it.span(),
            )),
        ),
    })
}

fn operation<'s>(it: &Spanned<BinOp<'s>>) -> Result<Expr<'s>, Fault> {
    let (operand, result) = match it.op {
        BinOpKind::Add => (None, Some(MADE)),
        // It would be joined as the word `None`.
        BinOpKind::Concat => (Some(JOINED), Some(MADE)),
        // A text or list that is multiplied would be repeated.
        BinOpKind::Mul | BinOpKind::Pow => (Some(NUMBER), None),
        BinOpKind::Eq
        | BinOpKind::Ne
        | BinOpKind::Lt
        | BinOpKind::Lte
        | BinOpKind::Gt
        | BinOpKind::Gte
        | BinOpKind::In => (Some(COMPARED), None),
        BinOpKind::ScAnd
        | BinOpKind::ScOr
        | BinOpKind::Sub
        | BinOpKind::Div
        | BinOpKind::FloorDiv
        | BinOpKind::Rem => (None, None),
    };
    let side = |expr| {
        let expr = expression(expr)?;
        Ok(match operand {
            Some(filter) => measured(filter, expr),
            None => expr,
        })
    };
    let op = BinOp { op: it.op, left: side(&it.left)?, right: side(&it.right)? };
    let op = Expr::BinOp(Spanned::new(op, it.span()));
    Ok(match result {
        Some(filter) => measured(filter, op),
        None => op,
    })
}

fn filter<'s>(it: &Spanned<Filter<'s>>) -> Result<Expr<'s>, Fault> {
    let by_filter = it.name == "map" && matches!(it.args.first(), Some(CallArg::Pos(_)));
    let input = match it.name {
        // A list becomes text before its letters change.
        "sort" | "unique" | "groupby" | "join" | "lower" | "upper" => COMPARED,
        "map" if by_filter => COMPARED,
        "list" | "last" | "map" | "select" | "reject" | "selectattr" | "rejectattr" => LISTED,
        "default" | "secret_name" | "secret_file" => return plain_filter(it),
        _ => INDEXED,
    };
    let expr = it.expr.as_ref().map(|expr| Ok(measured(input, expression(expr)?))).transpose()?;
    let args = arguments(&it.args, SMALL)?;
    Ok(Expr::Filter(Spanned::new(Filter { name: it.name, expr, args }, it.span())))
}

/// Copies a filter that looks at nothing.
fn plain_filter<'s>(it: &Spanned<Filter<'s>>) -> Result<Expr<'s>, Fault> {
    let expr = it.expr.as_ref().map(expression).transpose()?;
    let args = it.args.iter().map(|argument| self::argument(argument, None));
    let filter = Filter { name: it.name, expr, args: args.collect::<Result<_, _>>()? };
    Ok(Expr::Filter(Spanned::new(filter, it.span())))
}

fn arguments<'s>(all: &[CallArg<'s>], filter: &'static str) -> Result<Vec<CallArg<'s>>, Fault> {
    all.iter().map(|one| argument(one, Some(filter))).collect()
}

fn argument<'s>(
    argument: &CallArg<'s>,
    filter: Option<&'static str>,
) -> Result<CallArg<'s>, Fault> {
    let copy = |expr: &Expr<'s>| {
        let copy = expression(expr)?;
        Ok(match filter.filter(|_| !matches!(copy, Expr::Const(_))) {
            Some(filter) => measured(filter, copy),
            None => copy,
        })
    };
    Ok(match argument {
        CallArg::Pos(expr) => CallArg::Pos(copy(expr)?),
        CallArg::Kwarg(name, expr) => CallArg::Kwarg(name, copy(expr)?),
        CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
            return Err(refused("`*` before an argument", expr.span()));
        }
    })
}

/// Wraps an expression, so that its value is measured by one of the filters of the budget.
fn measured<'s>(filter: &'static str, expr: Expr<'s>) -> Expr<'s> {
    let span: Span = expr.span();
    let filter = Filter { name: filter, expr: Some(expr), args: Vec::new() };
    Expr::Filter(Spanned::new(filter, span))
}
