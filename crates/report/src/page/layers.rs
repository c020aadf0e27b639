use handaxe_optimize::{BeforeAfter, LayerRecord};
use maud::{Markup, html};

use crate::number::{change, percent, thousands};
use crate::summary::total_sparsity;
use crate::{Run, name};

/// Before and after of every layer and of the whole network.
pub(super) fn table(run: &Run<'_>) -> Markup {
    let resources = run.resources();
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th { "layer" }
                        th { "kernel" }
                        th.number { "sparsity" }
                        @for resource in &resources { th.number title=(name::unit(resource)) { (name::resource(resource)) } }
                    }
                }
                tbody { @for layer in &run.result.layers { (row(layer, &resources)) } }
                tfoot {
                    tr {
                        th { "whole network" }
                        td {}
                        td.number { (percent(total_sparsity(run.result))) }
                        (cells(&run.result.resources, &resources))
                    }
                }
            }
        }
    }
}

fn row(layer: &LayerRecord, resources: &[&str]) -> Markup {
    let shape =
        |shape: &[usize]| shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
    html! {
        tr {
            th scope="row" {
                (layer.name)
                @if let Some(reason) = &layer.left_alone { span.small { "left alone: " (reason) } }
            }
            td {
                (layer.layer_type)
                span.small { (shape(&layer.shape)) @if let Some(left) = &layer.reduced { " → " (shape(left)) } }
            }
            td.number { (percent(layer.sparsity)) }
            (cells(&layer.resources, resources))
        }
    }
}

fn cells(counts: &BeforeAfter, resources: &[&str]) -> Markup {
    html! {
        @for resource in resources {
            td.number {
                @if let (Some(&before), Some(&after)) = (counts.before.get(*resource), counts.after.get(*resource)) {
                    (thousands(before)) "\u{a0}→ " (thousands(after))
                    span.small { (change(before, after).unwrap_or_default()) }
                } @else { "–" }
            }
        }
    }
}
