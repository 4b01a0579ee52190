import { OpenDocuments } from './open-documents';

/** Nouns that a row, a node or a document can be about. */
export type Noun = 'run' | 'execution' | 'notebook' | 'model' | 'endpoint' | 'module' | 'schedule' | 'sweep';

/**
 * What a command without arguments is about: the row that somebody stands on or opened a menu on, or the document.
 *
 * The palette and the main menu take the focus away before they run a command, so it is remembered.
 */
export class Standpoint {
  constructor(private readonly _documents: OpenDocuments) {
    for (const type of ['focusin', 'pointerdown', 'keydown', 'contextmenu']) {
      document.addEventListener(type, event => this._notice(event.target), true);
    }
  }

  /** The id or name of what is meant; undefined when it is nothing of this kind. */
  of(noun: Noun): string | undefined {
    const place = this._place;
    if (place === null || !place.isConnected) {
      return undefined;
    }
    const attribute = `data-nbops-${noun}`;
    // Elements of rows are used again for other rows while one scrolls; the list knows on which one somebody stands.
    const row = place.classList.contains('nbops-List')
      ? place.querySelector(`.nbops-Row.nbops-mod-active[${attribute}]`)
      : place.closest(`[${attribute}]`);
    return row?.getAttribute(attribute) || this._documents.about(documentOf(place), noun);
  }

  private _notice(target: EventTarget | null): void {
    if (target instanceof Element) {
      const place =
        target.closest('.nbops-List') ?? target.closest(PLACES) ?? target.closest('.nbops-Document');
      this._place = place ?? this._place;
    }
  }

  private _place: Element | null = null;
}

const NOUNS: ReadonlyArray<Noun> = [
  'run',
  'execution',
  'notebook',
  'model',
  'endpoint',
  'module',
  'schedule',
  'sweep'
];
const PLACES = NOUNS.map(noun => `[data-nbops-${noun}]`).join(', ');

/** The tab of the main area that an element is in. */
function documentOf(element: Element): string | undefined {
  return element.closest('.nbops-Document')?.closest(`.jp-MainAreaWidget`)?.id;
}
