import { ILayoutRestorer, IRouter, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IMovableSectionRegistry } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { IDisposable } from '@lumino/disposable';

import { Client } from './client';
import { addCommands } from './commands';
import { followLinks } from './link-rule';
import { drawLiveProgress } from './live-progress';
import { NbopsPanel } from './panel';
import { OpenDocuments } from './open-documents';
import { Preferences } from './preferences';
import { Project } from './project';
import { builtInSections } from './sections/built-in';
import { Selection } from './selection';
import { Standpoint } from './standpoint';
import { INbopsPanel } from './tokens';

/** The side panel and its commands. Everything but the application itself may be missing. */
const panel: JupyterFrontEndPlugin<INbopsPanel> = {
  id: 'nbops:panel',
  description: 'A side panel with what nbops recorded.',
  autoStart: true,
  provides: INbopsPanel,
  optional: [
    ILayoutRestorer,
    ICommandPalette,
    IMovableSectionRegistry,
    INotebookTracker,
    IRenderMimeRegistry,
    IRouter,
    ISettingRegistry,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    movable: IMovableSectionRegistry | null,
    notebooks: INotebookTracker | null,
    rendermime: IRenderMimeRegistry | null,
    router: IRouter | null,
    settings: ISettingRegistry | null,
    maybeTranslator: ITranslator | null
  ): INbopsPanel => {
    const translator = maybeTranslator ?? nullTranslator;
    const trans = translator.load('nbops');
    const client = new Client(app.serviceManager.serverSettings);
    const preferences = new Preferences();
    const documents = new OpenDocuments(app);
    const context = {
      app,
      client,
      project: new Project(client, app.serviceManager),
      selection: new Selection(),
      preferences,
      standpoint: new Standpoint(documents),
      documents,
      translator,
      trans,
      notebooks,
      rendermime
    };
    const widget = new NbopsPanel(context);
    builtInSections(trans).forEach(section => widget.addSection(section));
    movable?.registerSource(panel.id, trans.__('nbops'), widget);
    addCommands(context, widget, palette);
    followNotebook(context);
    markCells(context, widget);
    adoptCalls(context);
    if (rendermime) {
      drawLiveProgress(rendermime, context);
    }
    if (router) {
      followLinks(app, router, context.project);
    }
    restorer?.add(widget, 'nbops-panel');
    if (restorer) {
      context.documents.restoreWith(restorer);
    }
    app.shell.add(widget, 'left', { rank: 850, type: 'nbops' });
    settings?.load(panel.id).then(
      loaded => preferences.follow(loaded),
      reason => console.warn(`nbops goes on with its default settings: ${reason}`)
    );
    return widget;
  }
};

/** Let the panel act on the project of the notebook somebody works in. */
function followNotebook(context: INbopsPanel['context']): void {
  const { app, notebooks, preferences, project } = context;
  const follow = () => {
    const notebook = preferences.followNotebook ? notebooks?.currentWidget : null;
    if (notebook) {
      project.follow(notebook.context.path, app.serviceManager.contents);
    } else if (!preferences.followNotebook) {
      project.open('');
    }
  };
  notebooks?.currentChanged.connect(follow);
  preferences.changed.connect(follow);
}

/** Mark the cells of the open notebook when the settings say so; their code is fetched when it is first needed. */
function markCells(context: INbopsPanel['context'], panel: NbopsPanel): void {
  let marks: Promise<IDisposable> | null = null;
  const follow = () => {
    const { cellMarks } = context.preferences;
    const isWanted = cellMarks === 'always' || (cellMarks === 'panel' && panel.isVisible);
    if (isWanted && marks === null) {
      marks = import('./cell-marks').then(({ CellMarks }) => new CellMarks(context));
    } else if (!isWanted && marks !== null) {
      void marks.then(made => made.dispose());
      marks = null;
    }
  };
  context.preferences.changed.connect(follow);
  panel.seen.connect(follow);
}

/** Show what goes on when the project is first looked at: a page that was loaded anew has forgotten what it began. */
function adoptCalls(context: INbopsPanel['context']): void {
  context.project.changed.connect(({ state }) => {
    if (state?.calls.length) {
      void import('./adopted').then(({ adopt }) => adopt(context, state.calls));
    }
  });
}

export default [panel];
