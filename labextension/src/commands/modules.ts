import { act } from '../act';
import { offerCell } from '../new-cell';
import { Pulled } from '../schema';
import { IContext } from '../tokens';
import { commandOn, textOf } from './arguments';
import { ICommand } from './command';
import { isSure } from './confirm';

const about = (context: IContext) => context.trans.__('The module, such as churn.features');

export function openModule(context: IContext): ICommand {
  return commandOn(context, 'module', {
    id: 'nbops:open-module',
    about: about(context),
    execute: async module => (await import('../documents')).openModuleDocument(context, module)
  });
}

export function testModule(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'module', {
    id: 'nbops:test-module',
    about: about(context),
    execute: module =>
      act(
        context,
        'test',
        { module },
        {
          doing: trans.__('Testing %1', module),
          done: report =>
            trans.__(
              '%1: %2 calls answered the same, %3 did not',
              module,
              report.passed,
              report.failed.length
            )
        }
      )
  });
}

export function pullModule(context: IContext): ICommand {
  const { app, notebooks, trans } = context;
  return commandOn(context, 'module', {
    id: 'nbops:pull-module',
    about: about(context),
    execute: async module => {
      const panel = notebooks?.currentWidget;
      if (!panel) {
        return;
      }
      await panel.context.save();
      const notebook = app.serviceManager.contents.localPath(panel.context.path);
      const pulled = await act(
        context,
        'pull',
        { module, notebook },
        { doing: trans.__('Looking at %1', module), done: parts => said(module, parts, trans) }
      );
      for (const part of pulled ?? []) {
        offerCell(panel, part.source);
      }
    }
  });
}

function said(module: string, parts: Pulled[], trans: IContext['trans']): string {
  const both = parts.filter(part => part.is_conflict).map(part => part.name);
  if (parts.length === 0) {
    return trans.__('Nothing was edited in %1', module);
  }
  return both.length === 0
    ? trans.__('%1 in new cells', parts.map(part => part.name).join(', '))
    : trans.__('Edited in the notebook too, compare both: %1', both.join(', '));
}

/** An earlier version becomes the newest one again. */
export function rollBackModule(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'module', {
    id: 'nbops:rollback-module',
    about: about(context),
    args: { version: trans.__('The version to go back to, such as 1.2.0; asked for when not given') },
    execute: async (module, args) => {
      const version = textOf(args.version) || (await askVersion(context, module));
      const question = {
        title: trans.__('Go back to %1 %2?', module, version),
        body: trans.__('Its file gets that text again, as a new version; the versions since stay recorded.'),
        accept: trans.__('Go Back')
      };
      if (version && (await isSure(context, question))) {
        await act(
          context,
          'rollback',
          { name: `${module}@${version}` },
          {
            doing: trans.__('Going back to %1 %2', module, version),
            done: back => trans.__('%1 is as in %2 again: %3', module, version, back.module?.version ?? '')
          }
        );
      }
    }
  });
}

async function askVersion(context: IContext, module: string): Promise<string> {
  const { client, project, trans } = context;
  const page = await client.call('modules/page', { module }, { project: project.path });
  const { askForm } = await import('../parts/form');
  const answers = await askForm(trans, {
    title: trans.__('Go back to an earlier version of %1', module),
    accept: trans.__('Continue'),
    fields: [
      {
        name: 'version',
        label: trans.__('Version'),
        choices: page.versions.map(({ version }) => [version, version] as const),
        value: page.versions[1]?.version ?? page.version.version
      }
    ]
  });
  return answers?.version ?? '';
}

export function buildPackage(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'module', {
    id: 'nbops:build-package',
    about: about(context),
    execute: module => {
      const name = module.split('.')[0];
      return act(
        context,
        'build',
        { package: name },
        {
          doing: trans.__('Building %1', name),
          done: built => trans.__('%1 %2 is in %3', built.name, built.version, built.wheel)
        }
      );
    }
  });
}
