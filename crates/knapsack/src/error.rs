/// A problem that cannot be posed, or that a solver cannot take.
///
/// The message says what was given, where, and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The number of rows of savings is not the number of capacities.
    #[error(
        "{rows} rows of savings for {capacities} capacities: give one row of savings for each resource"
    )]
    Rows {
        /// Rows of savings given.
        rows: usize,
        /// Capacities given.
        capacities: usize,
    },

    /// A row of savings is not as long as the values.
    #[error("row {resource} of the savings has {given} entries, but there are {expected} items")]
    RowLength {
        /// The row, from 0.
        resource: usize,
        /// Entries in it.
        given: usize,
        /// Items in the problem.
        expected: usize,
    },

    /// The column of a class does not have one entry per resource.
    #[error("class {class} has {given} savings, but there are {expected} capacities")]
    ColumnLength {
        /// The class, from 0.
        class: usize,
        /// Savings in its column.
        given: usize,
        /// Capacities of the problem.
        expected: usize,
    },

    /// A value that is negative, infinite or not a number.
    #[error("the value of item {item} is {given}: values are finite and at least 0")]
    Value {
        /// The item, from 0.
        item: usize,
        /// What stands there.
        given: f64,
    },

    /// The values are so large that their sum is not a finite number.
    #[error("the values add up to more than {}: divide them all by a power of two", f64::MAX)]
    TotalValue,

    /// More items than can be numbered.
    #[error("{given} items are more than the {} that fit", u32::MAX)]
    TooManyItems {
        /// Items given.
        given: usize,
    },

    /// No selection fits, not even the empty one.
    #[error(
        "infeasible: the capacity of resource {resource} is {capacity}, and even keeping nothing uses 0"
    )]
    Infeasible {
        /// The resource, from 0.
        resource: usize,
        /// Its capacity.
        capacity: i64,
    },

    /// A relative gap that is not a number of at least 0.
    #[error("the gap {given} must be at least 0: a fraction of the bound, 0.01 for one per cent")]
    Gap {
        /// What was asked for.
        given: f64,
    },

    /// A solver with a table was given a problem of more than one resource.
    #[error(
        "solver `{solver}` takes problems of 1 resource that can bind, this one has {resources}: use `auto`"
    )]
    Resources {
        /// The solver.
        solver: &'static str,
        /// Resources that can bind.
        resources: usize,
    },

    /// A solver knows beforehand that it needs more memory than it may use.
    #[error(
        "solver `{solver}` needs {needed} bytes for this problem, the limit is {limit}: raise it, or use `auto`"
    )]
    Memory {
        /// The solver.
        solver: &'static str,
        /// Bytes it would take.
        needed: u128,
        /// Bytes it may take.
        limit: usize,
    },

    /// No solver has this name.
    #[error("no solver is called `{given}`: there are {}", crate::names())]
    UnknownSolver {
        /// The name given.
        given: String,
    },

    /// A file that is not in the form it seems to have.
    #[error("line {line}: {fault}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        fault: crate::Fault,
    },

    /// Not the description of a problem to generate.
    #[error(
        "`{given}` should be `seed,N,K,M`: four integers, at least 1 class and 1 to 3 resources, as `1,1000,5,2`"
    )]
    Spec {
        /// The text given.
        given: String,
    },
}
