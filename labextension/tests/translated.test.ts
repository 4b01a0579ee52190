import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as ts from 'typescript';
import { expect, test } from 'vitest';

const SOURCES = readdirSync(join(__dirname, '../src'), { recursive: true, encoding: 'utf8' })
  .filter(name => /\.tsx?$/.test(name) && !name.endsWith('schema.ts'))
  .map(name => join(__dirname, '../src', name));

/** Attributes and options whose text people read or hear. */
const SPOKEN = new Set([
  'aria-label',
  'aria-description',
  'alt',
  'ariaLabel',
  'caption',
  'label',
  'message',
  'placeholder',
  'text',
  'title'
]);

/** What begins with two letters: signs, separators and endings of files are the same in every language. */
const WORDS = /^\s*\p{L}{2}/u;
/** What stands in an empty field is an example of code, unless it is a sentence. */
const SENTENCE = /^\s*\p{Lu}/u;

/** Texts that people would see in English whatever the language they chose. */
function untranslated(path: string, source = readFileSync(path, 'utf8')): string[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const note = (node: ts.Node, text: string) => {
    if (WORDS.test(text)) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${path.split('/src/')[1]}:${line + 1}: ${text.trim()}`);
    }
  };
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node)) {
      note(node, node.text);
    } else if (ts.isJsxAttribute(node) && SPOKEN.has(node.name.getText())) {
      literals(node.initializer).forEach(each => note(each, each.text));
    } else if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent)) {
      literals(node.expression).forEach(each => note(each, each.text));
    } else if (ts.isPropertyAssignment(node) && SPOKEN.has(node.name.getText().replace(/['"]/g, ''))) {
      const isExample = node.name.getText() === 'placeholder';
      literals(node.initializer)
        .filter(({ text }) => !isExample || SENTENCE.test(text))
        .forEach(each => note(each, each.text));
    } else if (ts.isCallExpression(node) && node.expression.getText().endsWith('setAttribute')) {
      const [name, value] = node.arguments;
      if (ts.isStringLiteral(name) && SPOKEN.has(name.text)) {
        literals(value).forEach(each => note(each, each.text));
      }
    } else if (
      ts.isBinaryExpression(node) &&
      node.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
      /\.(textContent|title|label|caption|placeholder|ariaLabel)$/.test(node.left.getText())
    ) {
      literals(node.right).forEach(each => note(each, each.text));
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** What an expression says in letters of its own, on whichever of its branches. */
function literals(node: ts.Node | undefined): { text: string; getStart(): number }[] & ts.Node[] {
  const found: (ts.Node & { text: string })[] = [];
  const look = (each: ts.Node | undefined): void => {
    if (each === undefined) {
      return;
    }
    if (ts.isStringLiteralLike(each) || ts.isTemplateHead(each) || ts.isTemplateMiddleOrTemplateTail(each)) {
      found.push(each);
    } else if (ts.isTemplateExpression(each)) {
      look(each.head);
      each.templateSpans.forEach(span => look(span.literal));
    } else if (ts.isConditionalExpression(each)) {
      look(each.whenTrue);
      look(each.whenFalse);
    } else if (ts.isBinaryExpression(each) && !isComparison(each)) {
      look(each.left);
      look(each.right);
    } else if (ts.isParenthesizedExpression(each) || ts.isJsxExpression(each)) {
      look(each.expression);
    }
  };
  look(node);
  return found;
}

function isComparison(node: ts.BinaryExpression): boolean {
  return /^[=!<>]/.test(node.operatorToken.getText());
}

test('every text that people see goes through the translator', () => {
  expect(SOURCES.length).toBeGreaterThan(90);
  expect(SOURCES.flatMap(path => untranslated(path))).toEqual([]);
});

test.each([
  ['const row = <b>Compare</b>;', 'Compare'],
  ['const row = <b title="Compare" />;', 'Compare'],
  ["const row = <b aria-label={isOpen ? 'Fold' : trans.__('Unfold')} />;", 'Fold'],
  ["const row = <b>{n > 1 ? `${n} runs` : ''}</b>;", 'runs'],
  ["const field = { label: 'Folder' };", 'Folder'],
  ["node.setAttribute('aria-label', 'Runs');", 'Runs'],
  ["button.textContent = 'Cancel';", 'Cancel']
])('%s is found', (source, said) => {
  expect(untranslated('/src/made-up.tsx', source)).toEqual([`made-up.tsx:1: ${said}`]);
});
