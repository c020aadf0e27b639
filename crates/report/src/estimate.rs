use handaxe_optimize::{ByResource, Footprint};

use crate::number::{percent, thousands};
use crate::{Align, Table, name};

/// What every layer of a network costs, and the whole: a row a layer, columns named and ordered as in [`table`](crate::table()).
/// `parameters` are the weights of kernels, as the objective `parameter` counts them.
pub fn estimate(layers: &[Footprint], total: &ByResource<u64>) -> Table {
    let names = name::in_order(total.keys());
    let heads = names.iter().map(|name| (name::resource(name), Align::Right));
    let first = [("layer", Align::Left), ("type", Align::Left), ("sparsity", Align::Right)];
    let mut table = Table::new(first.into_iter().chain(heads));
    let cells = |resources: &ByResource<u64>| {
        let cell =
            |name: &&str| resources.get(*name).map_or("-".to_owned(), |&cost| thousands(cost));
        names.iter().map(cell).collect::<Vec<_>>()
    };
    for Footprint { layer, sparsity, resources } in layers {
        let first = [layer.name.clone(), layer.layer_type.to_string(), percent(*sparsity)];
        table.row(first.into_iter().chain(cells(resources)));
    }
    table.rule();
    let first = ["total".to_owned(), String::new(), String::new()];
    table.row(first.into_iter().chain(cells(total)));
    table
}
