import { act } from '../act';
import { size } from '../format';
import { IField } from '../parts/form';
import { CheckResult, Exported, Routes } from '../schema';
import { IContext } from '../tokens';
import { commandOn } from './arguments';
import { ICommand } from './command';

type Trans = IContext['trans'];

const about = (context: IContext) => context.trans.__('The model version, such as churn@3');

export function openModel(context: IContext): ICommand {
  return commandOn(context, 'model', {
    id: 'nbops:open-model',
    about: about(context),
    execute: async model => (await import('../documents')).openModelDocument(context, model)
  });
}

export function checkModel(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'model', {
    id: 'nbops:check-model',
    about: about(context),
    execute: model =>
      act(
        context,
        'check',
        { model },
        {
          doing: trans.__('Checking %1', model),
          done: results => judged(model, results, trans)
        }
      )
  });
}

function judged(model: string, results: CheckResult[], trans: Trans): string {
  const failed = results.filter(result => result.verdict === 'failed').map(result => result.check);
  return failed.length
    ? trans.__('%1 failed: %2', model, failed.join(', '))
    : trans.__('%1 passed its checks', model);
}

export function deployModel(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'model', {
    id: 'nbops:deploy-model',
    about: about(context),
    execute: async model => {
      const { askForm } = await import('../parts/form');
      const answers = await askForm(trans, {
        title: trans.__('Deploy %1', model),
        accept: trans.__('Deploy'),
        note: trans.__('It is built, started and checked first; what answers now goes on until then.'),
        fields: deployFields(model, trans)
      });
      if (answers) {
        await act(context, 'deploy', deployed(model, answers), {
          doing: trans.__('Deploying %1', model),
          done: endpoint => trans.__('%1 answers at %2', model, endpoint.address)
        });
      }
    }
  });
}

function deployFields(model: string, trans: Trans): IField[] {
  return [
    {
      name: 'name',
      label: trans.__('Endpoint'),
      value: model.split('@')[0],
      help: trans.__('A new name makes a new address')
    },
    {
      name: 'engine',
      label: trans.__('Engine'),
      choices: [
        ['', trans.__('As configured')],
        ['docker', trans.__('Docker container')],
        ['process', trans.__('Process on this machine')],
        ['isolated', trans.__('Process with a venv of its own')]
      ]
    },
    {
      name: 'base_image',
      isAdvanced: true,
      label: trans.__('Base image'),
      placeholder: trans.__('As configured'),
      help: trans.__('What a container is built on: a tag, a digest or an id')
    },
    {
      name: 'platform',
      isAdvanced: true,
      label: trans.__('Platform'),
      placeholder: trans.__('That of the base image'),
      help: trans.__('What a container is made for, such as linux/amd64')
    },
    {
      name: 'push',
      isAdvanced: true,
      label: trans.__('Push to'),
      placeholder: 'registry.example.com/team',
      help: trans.__('A registry that gets the proven image; empty for none')
    },
    {
      name: 'save',
      isAdvanced: true,
      label: trans.__('Save as'),
      placeholder: `${model.replace('@', '-')}.tar`,
      help: trans.__('A file on the server that gets the proven image, for docker load; empty for none')
    },
    {
      name: 'port',
      isAdvanced: true,
      label: trans.__('Port'),
      placeholder: trans.__('Any'),
      help: trans.__('Of the address on 127.0.0.1; an endpoint keeps the one it has')
    },
    {
      name: 'keys',
      isAdvanced: true,
      label: trans.__('API keys'),
      placeholder: 'keys.txt',
      help: trans.__(
        'A file on the server with keys, one of which clients have to send; none takes them away'
      )
    },
    {
      name: 'tls_cert',
      isAdvanced: true,
      label: trans.__('TLS certificate'),
      placeholder: 'cert.pem',
      help: trans.__('A file on the server, in PEM, with which the address becomes an https one')
    },
    {
      name: 'tls_key',
      isAdvanced: true,
      label: trans.__('TLS private key'),
      placeholder: 'key.pem',
      help: trans.__('Its file on the server, unless the certificate’s has it')
    }
  ];
}

type Deploy = Routes['deploy']['takes'];

/** Every option of the command stands here: one that it learns and the form does not is an error of types. */
function deployed(
  model: string,
  answers: { [name: string]: string }
): { [name in keyof Required<Deploy>]: Deploy[name] } {
  const isolated = answers.engine === 'isolated';
  return {
    model,
    isolated,
    // A variable of a notebook, which a stored model needs none of.
    sample: undefined,
    engine: isolated ? 'process' : answers.engine || undefined,
    name: answers.name || undefined,
    base_image: answers.base_image || undefined,
    platform: answers.platform || undefined,
    push: answers.push || undefined,
    save: answers.save || undefined,
    port: answers.port ? Number(answers.port) : undefined,
    keys: answers.keys || undefined,
    tls_cert: answers.tls_cert || undefined,
    tls_key: answers.tls_key || undefined
  };
}

export function exportModel(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'model', {
    id: 'nbops:export-model',
    about: about(context),
    execute: async model => {
      const { askForm } = await import('../parts/form');
      const answers = await askForm(trans, {
        title: trans.__('Export %1', model),
        accept: trans.__('Export'),
        note: trans.__(
          'As ONNX, with a runner for Python and a page for browsers; proven on the training rows.'
        ),
        fields: exportFields(model, trans)
      });
      if (answers) {
        const takes: Routes['export']['takes'] = {
          model,
          out: answers.out || undefined,
          precision: answers.precision as Routes['export']['takes']['precision'],
          overwrite: answers.existing === 'overwrite'
        };
        await act(context, 'export', takes, {
          doing: trans.__('Exporting %1', model),
          done: exported => written(model, exported, trans)
        });
      }
    }
  });
}

function exportFields(model: string, trans: Trans): IField[] {
  return [
    {
      name: 'out',
      label: trans.__('Folder'),
      placeholder: `${model.replace('@', '-')}-onnx`,
      help: trans.__('It appears when it is whole')
    },
    {
      name: 'precision',
      label: trans.__('Precision'),
      choices: [
        ['float32', trans.__('Single (float32)')],
        ['float16', trans.__('Half (float16)')],
        ['int8', trans.__('Eight bits (int8)')]
      ],
      value: 'float32',
      help: trans.__('Refused where the answers are no longer the same')
    },
    {
      name: 'existing',
      label: trans.__('An earlier export there'),
      choices: [
        ['', trans.__('Keep it')],
        ['overwrite', trans.__('Replace it')]
      ]
    }
  ];
}

function written(model: string, exported: Exported, trans: Trans): string {
  // The path last: JupyterLab cuts what is long.
  return trans.__(
    '%1 is exported: %2, at most %3 from the notebook. It is in %4',
    model,
    size(exported.size_bytes),
    exported.worst.toExponential(1),
    exported.path
  );
}
