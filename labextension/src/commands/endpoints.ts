import { Dialog, showDialog } from '@jupyterlab/apputils';

import { act } from '../act';
import { statusWords } from '../parts/words';
import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant } from './command';

const about = (context: IContext) => textArgs({ endpoint: context.trans.__('Name of the endpoint') });

export function openEndpoint(context: IContext): ICommand {
  return {
    id: 'nbops:open-endpoint',
    describedBy: about(context),
    execute: async args => {
      const endpoint = meant(context, args, 'endpoint', 'endpoint');
      if (endpoint !== undefined) {
        const { openEndpointDocument } = await import('../documents');
        openEndpointDocument(context, endpoint);
      }
    }
  };
}

export function monitorEndpoint(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:monitor-endpoint',
    describedBy: about(context),
    execute: async args => {
      const endpoint = meant(context, args, 'endpoint', 'endpoint');
      if (endpoint !== undefined) {
        await act(
          context,
          'monitor',
          { endpoint },
          {
            doing: trans.__('Measuring %1', endpoint),
            done: window =>
              trans.__('%1: %2 over %3 rows', endpoint, statusWords(window.verdict, trans), window.rows)
          }
        );
      }
    }
  };
}

export function rollbackEndpoint(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:rollback-endpoint',
    describedBy: about(context),
    execute: async args => {
      const endpoint = meant(context, args, 'endpoint', 'endpoint');
      if (
        endpoint !== undefined &&
        (await isSure(context, trans.__('Roll back %1?', endpoint), trans.__('Roll Back')))
      ) {
        await act(
          context,
          'rollback',
          { name: endpoint },
          {
            doing: trans.__('Rolling back %1', endpoint),
            done: () => trans.__('%1 answers as before the last deploy', endpoint)
          }
        );
      }
    }
  };
}

export function stopEndpoint(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:stop-endpoint',
    describedBy: about(context),
    execute: async args => {
      const endpoint = meant(context, args, 'endpoint', 'endpoint');
      if (
        endpoint !== undefined &&
        (await isSure(
          context,
          trans.__('Stop %1? Nobody gets an answer there any more.', endpoint),
          trans.__('Stop')
        ))
      ) {
        await act(
          context,
          'stop',
          { endpoint },
          {
            doing: trans.__('Stopping %1', endpoint),
            done: () => trans.__('%1 is stopped', endpoint)
          }
        );
      }
    }
  };
}

async function isSure({ trans }: IContext, question: string, accept: string): Promise<boolean> {
  const { button } = await showDialog({
    title: question,
    buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.warnButton({ label: accept })]
  });
  return button.accept;
}
