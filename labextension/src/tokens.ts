import { JupyterFrontEnd } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { LabIcon } from '@jupyterlab/ui-components';
import { Token } from '@lumino/coreutils';
import { IDisposable } from '@lumino/disposable';
import { Widget } from '@lumino/widgets';

import { Client } from './client';
import { OpenDocuments } from './open-documents';
import { Preferences } from './preferences';
import { Project } from './project';
import { Selection } from './selection';
import { Standpoint } from './standpoint';

/** What every section and command may use. Services of JupyterLab that need not be there may be null. */
export interface IContext {
  readonly app: JupyterFrontEnd;
  readonly client: Client;
  readonly project: Project;
  readonly selection: Selection;
  readonly standpoint: Standpoint;
  readonly preferences: Preferences;
  readonly documents: OpenDocuments;
  readonly translator: ITranslator;
  readonly trans: TranslationBundle;
  readonly notebooks: INotebookTracker | null;
  readonly rendermime: IRenderMimeRegistry | null;
}

/** The content of a section, made when the section is first seen. */
export interface ISectionContent extends IDisposable {
  readonly widget: Widget;
  /** Somebody looks: show what is new, and go on showing it. */
  wake(): void;
  /** Nobody looks: cost nothing. */
  sleep(): void;
  /** Buttons for the section's title. */
  readonly actions?: ReadonlyArray<ISectionAction>;
}

export interface ISectionAction {
  /** A command of the application; its label, icon and state are the button's. */
  readonly command: string;
}

/** One section of the side panel. */
export interface ISection {
  readonly id: string;
  readonly title: string;
  readonly rank: number;
  readonly icon?: LabIcon;
  /** Whether it is unfolded when the panel is first opened. */
  readonly isOpen?: boolean;
  /** Ask what its content is going to ask first, beside the fetching of its code. */
  ahead?(context: IContext): void;
  /** Make its content; called when it is first seen, so that a closed panel loads nothing. */
  load(context: IContext): Promise<ISectionContent>;
}

/** The side panel, for those who add a section to it. */
export interface INbopsPanel {
  readonly context: IContext;
  /** Add a section; lower ranks stand higher. */
  addSection(section: ISection): void;
}

export const INbopsPanel = new Token<INbopsPanel>(
  'nbops:INbopsPanel',
  'The side panel of nbops, to which other extensions may add sections.'
);
