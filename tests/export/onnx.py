"""Answers samples with ONNX files: FOLDER/0.onnx and FOLDER/0.samples to FOLDER/0.answers."""

import json
import pathlib
import sys

import numpy
import onnxruntime

folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for number in range(count):
    model = onnxruntime.InferenceSession(folder / f"{number}.onnx")
    (inputs,), (outputs,) = model.get_inputs(), model.get_outputs()
    samples = numpy.fromfile(folder / f"{number}.samples", "<f4").reshape(-1, inputs.shape[1])
    (answers,) = model.run([outputs.name], {inputs.name: samples})
    assert answers.shape == (len(samples), outputs.shape[1]), answers.shape
    answers.astype("<f4").tofile(folder / f"{number}.answers")
    properties = model.get_modelmeta().custom_metadata_map
    assert len(json.loads(properties["input_names"])) == inputs.shape[1], properties
    names = json.loads(properties.get("classes") or properties["output_names"])
    assert len(names) == outputs.shape[1], properties
