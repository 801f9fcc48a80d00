//! Models as ONNX: the part of its protobuf that fully connected nets need, checked by its
//! reference runtime in Derby's tests.
//!
//! Field numbers are those of `onnx.proto3` (onnx/onnx), IR version 8; operators are of opset 13.

use derby_core::Activation;
use derby_core::scale::Scale;
use prost::Message;
use serde::Serialize;
use serde_json::json;

use super::model::{Column, Dense, Model};

const IR_VERSION: i64 = 8;
const OPSET: i64 = 13;
/// `TensorProto.FLOAT`
const FLOAT: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(string, tag = "3")]
    producer_version: String,
    #[prost(string, tag = "6")]
    doc_string: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<Property>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSet {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Property {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(float, tag = "2")]
    f: f32,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(int32, tag = "20")]
    r#type: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    r#type: Option<Type>,
}

#[derive(Clone, PartialEq, Message)]
struct Type {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<TensorShape>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorShape {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(oneof = "Extent", tags = "1, 2")]
    value: Option<Extent>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Extent {
    #[prost(int64, tag = "1")]
    Value(i64),
    #[prost(string, tag = "2")]
    Parameter(String),
}

impl Attribute {
    fn float(name: &str, f: f32) -> Self {
        Self { name: name.to_owned(), f, i: 0, r#type: 1 }
    }

    fn int(name: &str, i: i64) -> Self {
        Self { name: name.to_owned(), f: 0.0, i, r#type: 2 }
    }
}

impl GraphProto {
    /// Adds a constant of this shape.
    fn constant(&mut self, name: &str, dims: &[usize], numbers: impl Iterator<Item = f32>) {
        self.initializer.push(Tensor {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: FLOAT,
            name: name.to_owned(),
            raw_data: numbers.flat_map(f32::to_le_bytes).collect(),
        });
    }

    /// Adds an operation on `inputs`, whose result has the node's name, and returns that.
    fn operation(
        &mut self,
        name: String,
        operator: &str,
        inputs: &[&str],
        attribute: Vec<Attribute>,
    ) -> String {
        self.node.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: operator.to_owned(),
            attribute,
        });
        name
    }

    /// Adds an operation on `x` and one number for each column.
    fn column_wise(
        &mut self,
        name: &str,
        operator: &str,
        x: &str,
        numbers: impl ExactSizeIterator<Item = f32>,
    ) -> String {
        let constant = format!("{name}_numbers");
        self.constant(&constant, &[numbers.len()], numbers);
        self.operation(name.to_owned(), operator, &[x, &constant], Vec::new())
    }

    /// Adds a layer whose names end with `key`.
    fn layer(&mut self, key: &str, layer: &Dense, x: &str) -> String {
        let Dense { fan_in, weights, biases, activation } = layer;
        let (w, b) = (format!("weights_{key}"), format!("biases_{key}"));
        self.constant(&w, &[biases.len(), *fan_in], weights.iter().copied());
        self.constant(&b, &[biases.len()], biases.iter().copied());
        let transposed = vec![Attribute::int("transB", 1)];
        let sums = self.operation(format!("sums_{key}"), "Gemm", &[x, &w, &b], transposed);
        let (operator, attributes) = match activation {
            Activation::Identity => return sums,
            Activation::Sigmoid => ("Sigmoid", Vec::new()),
            Activation::Tanh => ("Tanh", Vec::new()),
            Activation::Relu => ("Relu", Vec::new()),
            Activation::LeakyRelu => ("LeakyRelu", vec![Attribute::float("alpha", 0.01)]),
            Activation::Softplus => ("Softplus", Vec::new()),
            Activation::Softmax => ("Softmax", vec![Attribute::int("axis", 1)]),
        };
        self.operation(format!("units_{key}"), operator, &[&sums], attributes)
    }
}

/// The model as the bytes of an ONNX file: from `input`, `[batch][input]`, to `output`, both in
/// the units of their columns. Names, units, classes and the values of categories are its metadata, as lists in JSON.
pub fn to_bytes(model: &Model) -> Vec<u8> {
    let mut graph = GraphProto { name: "derby".to_owned(), ..GraphProto::default() };
    let mut x = "input".to_owned();
    if Model::scales(&model.inputs) {
        let scales = || model.inputs.iter().map(|column| column.scale);
        x = graph.column_wise("centred", "Sub", &x, scales().map(|scale: Scale| scale.offset));
        x = graph.column_wise("scaled", "Mul", &x, scales().map(|scale| scale.factor));
    }
    let mut mixed: Option<String> = None;
    for (net, member) in model.nets.iter().enumerate() {
        let mut own = x.clone();
        for (at, layer) in member.layers().iter().enumerate() {
            own = graph.layer(&format!("{net}_{at}"), layer, &own);
        }
        if model.is_mixture() {
            let parts = member.weights.iter().copied();
            own = graph.column_wise(&format!("part_{net}"), "Mul", &own, parts);
        }
        mixed = Some(match mixed {
            Some(others) => {
                graph.operation(format!("mixed_{net}"), "Add", &[&others, &own], Vec::new())
            }
            None => own,
        });
    }
    let mut y = mixed.unwrap_or(x);
    if Model::scales(&model.outputs) {
        let scales = || model.outputs.iter().map(|column| column.scale);
        y = graph.column_wise("unscaled", "Div", &y, scales().map(|scale: Scale| scale.factor));
        y = graph.column_wise("restored", "Add", &y, scales().map(|scale| scale.offset));
    }
    graph.operation("output".to_owned(), "Identity", &[&y], Vec::new());
    graph.input = vec![value("input", model.inputs.len())];
    graph.output = vec![value("output", model.outputs.len())];

    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "derby".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: format!("The {} of: {}", model.title(), model.history.command),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: metadata(model),
    }
    .encode_to_vec()
}

/// A matrix with a row for each sample.
fn value(name: &str, width: usize) -> ValueInfo {
    let extents = [Extent::Parameter("batch".to_owned()), Extent::Value(width as i64)];
    let dim = extents.into_iter().map(|extent| Dimension { value: Some(extent) }).collect();
    let tensor = TensorType { elem_type: FLOAT, shape: Some(TensorShape { dim }) };
    let r#type = Some(Type { tensor_type: Some(tensor) });
    ValueInfo { name: name.to_owned(), r#type }
}

fn metadata(model: &Model) -> Vec<Property> {
    fn list<T: Serialize>(columns: &[Column], part: fn(&Column) -> &T) -> String {
        json!(columns.iter().map(part).collect::<Vec<_>>()).to_string()
    }
    let names = |columns| list(columns, |column| &column.name);
    let units = |columns| list(columns, |column| &column.unit);
    let mut properties = vec![
        ("input_names", names(&model.inputs)),
        ("input_units", units(&model.inputs)),
        ("input_values", list(&model.inputs, |column| &column.values)),
        (
            if model.classes_of.is_some() { "classes" } else { "output_names" },
            names(&model.outputs),
        ),
        ("output_units", units(&model.outputs)),
        ("command", model.history.command.clone()),
    ];
    properties.extend(model.classes_of.iter().map(|column| ("classes_of", column.clone())));
    let property = |(key, value): (&str, String)| Property { key: key.to_owned(), value };
    properties.into_iter().map(property).collect()
}
