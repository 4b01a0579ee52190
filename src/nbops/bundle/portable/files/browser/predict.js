// Answers rows with model.onnx in the browser. Everything it needs lies beside it: nothing is fetched from elsewhere.
//
//   import { load } from './browser/predict.js';
//   const model = await load('./');
//   await model.predict([{ age: 31, city: 'Oslo' }]);

import * as ort from './onnxruntime-web/ort.wasm.min.mjs';

ort.env.wasm.numThreads = 1; // more would need headers that a plain file server does not send
ort.env.wasm.wasmPaths = new URL('./onnxruntime-web/', import.meta.url).href;

const TEXTS = ['text', 'category'];

/** Load the model from the folder that the export wrote. */
export async function load(folder) {
  const base = new URL(folder, document.baseURI);
  const [signature, examples, graph] = await Promise.all([
    read(new URL('signature.json', base), 'json'),
    read(new URL('examples.json', base), 'json'),
    read(new URL('model.onnx', base), 'arrayBuffer')
  ]);
  const session = await ort.InferenceSession.create(graph, { executionProviders: ['wasm'] });
  return new Model(session, signature, examples);
}

async function read(url, as) {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url} cannot be read: ${response.status} ${response.statusText}`);
  }
  return response[as]();
}

export class Model {
  constructor(session, signature, examples) {
    this.session = session;
    this.signature = signature;
    this.examples = examples;
  }

  /** Answer rows, all of them or none: predictions, and probabilities in the order of the signature's classes. */
  async predict(rows) {
    const { columns, classes, has_probabilities: shares } = this.signature;
    const values = columns.map(column => rows.map((row, place) => this.value(column, row, place)));
    const wanted = this.session.outputNames.slice(0, shares ? 2 : 1);
    const found = await this.session.run(this.feed(values, rows.length), wanted);
    const isTruth = classes !== null && typeof classes[0] === 'boolean'; // ONNX has no labels that are true or false
    const predictions = rowsOf(found[wanted[0]], rows.length).map(values =>
      values.length > 1 ? values : isTruth ? Boolean(values[0]) : values[0]
    );
    return shares ? { predictions, probabilities: rowsOf(found[wanted[1]], rows.length) } : { predictions };
  }

  feed(values, count) {
    const names = this.session.inputNames;
    if (names.length === 1 && values.length !== 1) {
      const flat = Float32Array.from({ length: count * values.length }, (_, place) => {
        return values[place % values.length][Math.floor(place / values.length)];
      });
      return { [names[0]]: new ort.Tensor('float32', flat, [count, values.length]) };
    }
    return Object.fromEntries(
      names.map((name, place) => {
        const isText = TEXTS.includes(this.signature.columns[place].kind);
        const data = isText ? values[place] : Float32Array.from(values[place]);
        return [name, new ort.Tensor(isText ? 'string' : 'float32', data, [count, 1])];
      })
    );
  }

  value(column, row, place) {
    const value = row[column.name];
    const isText = TEXTS.includes(column.kind);
    const where = `row ${place}, field '${column.name}':`;
    if (value === null || value === undefined) {
      if (isText || !column.optional) {
        throw new RangeError(`${where} is missing`);
      }
      return NaN;
    }
    const wanted = isText ? 'string' : column.kind === 'boolean' ? 'boolean' : 'number';
    if (typeof value !== wanted) {
      throw new RangeError(`${where} '${value}' is no ${isText ? 'text' : column.kind}`);
    }
    if (isText && this.signature.refused.includes(column.name) && !column.categories.includes(value)) {
      throw new RangeError(`${where} '${value}' was not seen in training`);
    }
    return isText ? value : Number(value);
  }

  /** Answer the example rows one by one and compare with the notebook's own answers. */
  async selfTest() {
    const { rows, predictions, probabilities } = this.examples;
    const { tolerance } = this.signature;
    let worst = 0;
    let differ = 0;
    for (const [place, row] of rows.entries()) {
      const answer = await this.predict([row]);
      const shares = probabilities.length ? probabilities[place] : null;
      const distance = Math.max(
        this.distance(predictions[place], answer.predictions[0], shares),
        shares ? Math.max(...shares.map((share, at) => Math.abs(share - answer.probabilities[0][at]))) : 0
      );
      worst = Math.max(worst, distance);
      differ += distance <= tolerance ? 0 : 1;
    }
    return { rows: rows.length, differ, worst, tolerance };
  }

  distance(expected, found, shares) {
    const { classes, spread } = this.signature;
    if (classes !== null) {
      if (expected === found) {
        return 0;
      }
      // Between two classes that are almost as likely as each other, rounding decides.
      const [first, second] = [...(shares ?? [])].sort((one, other) => other - one);
      return second === undefined ? Infinity : first - second;
    }
    return Math.max(...[expected].flat().map((value, place) => relative(value, [found].flat()[place], spread)));
  }
}

function relative(expected, found, spread) {
  if (typeof expected !== 'number' || typeof found !== 'number') {
    return expected === found || (expected === null && Number.isNaN(found)) ? 0 : Infinity;
  }
  const distance = Math.abs(expected - found);
  return distance === 0 ? 0 : distance / Math.max(Math.abs(expected), spread, Number.MIN_VALUE);
}

/** One list of values per row. */
function rowsOf(tensor, count) {
  const values = Array.from(tensor.data, value => (typeof value === 'bigint' ? Number(value) : value));
  const width = values.length / count;
  return Array.from({ length: count }, (_, row) => values.slice(row * width, (row + 1) * width));
}
