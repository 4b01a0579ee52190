// Puts what exported models need in a browser beside the built panel, so that it travels in the wheel with its licence.

import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const built = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
const target = join(here, '..', 'src', 'nbops', 'labextension', 'onnxruntime-web');

mkdirSync(target, { recursive: true });
for (const name of ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm']) {
  copyFileSync(join(built, name), join(target, name));
}
copyFileSync(join(here, 'onnxruntime-web.LICENSE'), join(target, 'LICENSE'));
